/** What the OpenAPI document says of the upload of frames: the route itself is the ingest stage's. */

import { z } from 'zod';
import { ID_PATTERN, MAX_CAMERA_ID_LENGTH, MAX_FRAME_ID_LENGTH } from '../frame/identifiers.ts';
import type { FileRoute } from './api.ts';
import { resultSchema } from './schemas.ts';

const id = (maxLength: number) => z.string().meta({ pattern: ID_PATTERN, maxLength });
const name = z.string().meta({ maxLength: 128 }).optional();
const count = (digits: number) => z.string().meta({ pattern: `^[0-9]{1,${digits}}$` });

export const FRAMES_ROUTE: FileRoute = {
  method: 'POST',
  path: '/api/v1/frames',
  right: 'ingest',
  summary: 'Inspect one frame',
  query: z.strictObject({
    camera_id: id(MAX_CAMERA_ID_LENGTH),
    frame_id: id(MAX_FRAME_ID_LENGTH)
      .optional()
      .describe('Idempotency key within the camera; nothing: named by content and by what else is said of it.'),
    sequence: count(19).optional().describe("The camera's own counter, at most 2^63-1."),
    captured_at: z.string().optional().describe('ISO 8601, or milliseconds since 1970.'),
    part_id: name,
    job_id: name,
    product_id: name,
    meas_id: name,
    recipe_id: name,
    max_wait_ms: count(10).optional(),
    simulated: z.enum(['true', 'false', '1', '0']).optional(),
  }),
  file: 'The image file: JPEG, PNG, WebP or TIFF, told by its first bytes, whatever the content type says.',
  answer: resultSchema,
  answeredToo: {
    413: 'Recorded as UNINSPECTED (image_too_large), or refused (message_too_large).',
    415: 'Recorded as UNINSPECTED (unsupported_format).',
    422: 'Recorded as UNINSPECTED (bad_image, unknown_recipe).',
  },
};
