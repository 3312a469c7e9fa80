/** The part of the configuration about cameras: those of the line, and those that nobody listed. */

import { z } from 'zod';
import { bytes, cameraId, milliseconds, name } from './fields.ts';

const MB = 1024 * 1024;

const onUninspected = z
  .enum(['reject', 'hold'])
  .describe('Where a part goes that could not be inspected. Never accepted, whatever happens.');

const taktMs = milliseconds(20, 600_000)
  .nullable()
  .describe('Milliseconds within which a frame is answered, even if only with UNINSPECTED; null: 10 s.');

const maxFps = z
  .number()
  .min(0.1)
  .max(100_000)
  .nullable()
  .default(1000)
  .describe(
    "Frames per second, on average, a second's worth of them at once; what is more is refused, `rate_limited`. null: no limit.",
  );

const frozenAfter = z
  .int()
  .min(2)
  .max(1000)
  .nullable()
  .describe(
    'From so many times the very same picture in a row on, for one recipe and region, its frames are UNINSPECTED, `frozen_camera`: nobody saw those parts. Simulated frames do not count. null: they are judged.',
  );

export const camera = z.strictObject({
  id: cameraId.describe('The id the camera sends with its frames.'),
  recipe: name.default('default').describe('Recipe of its frames, unless a frame asks for another.'),
  takt_ms: taktMs.default(null),
  on_uninspected: onUninspected.default('reject'),
  sequence: z
    .boolean()
    .default(true)
    .describe('Count gaps in the sequence numbers that the camera sends (a lost frame is a part nobody saw).'),
  queue_frames: z.int().min(1).max(10_000).default(64).describe('Frames of this camera that may wait.'),
  queue_bytes: bytes(MB, 64 * MB).describe('Bytes of frames of this camera that may wait.'),
  max_fps: maxFps,
  frozen_after: frozenAfter.default(5),
});

export const unlisted = z
  .strictObject({
    policy: z.enum(['recipe', 'refuse']).default('recipe').describe('Serve cameras not listed, or refuse them.'),
    recipe: name.default('default').describe('Recipe of cameras not listed.'),
    max: z.int().min(1).max(10_000).default(64).describe('How many such cameras are served within one hour.'),
    takt_ms: taktMs.default(null),
    on_uninspected: onUninspected.default('reject'),
    queue_frames: z.int().min(1).max(10_000).default(64).describe('Frames of each such camera that may wait.'),
    queue_bytes: bytes(MB, 64 * MB).describe('Bytes of frames of each such camera that may wait.'),
    max_fps: maxFps,
    frozen_after: frozenAfter.default(null),
  })
  .prefault({});
