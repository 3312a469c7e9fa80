/** The cameras of the line as the configuration has them. */

import type { Config } from '../config/schema.ts';
import type { CameraId } from '../frame/frame.ts';
import type { CameraSettings } from '../ingest/cameras.ts';

export function listedCameras(config: Config): Map<CameraId, CameraSettings> {
  return new Map(
    config.cameras.map((camera) => [
      camera.id as CameraId,
      {
        recipeId: camera.recipe,
        taktMs: camera.takt_ms,
        onUninspected: camera.on_uninspected,
        countsGaps: camera.sequence,
        queue: { frames: camera.queue_frames, bytes: camera.queue_bytes },
        maxFps: camera.max_fps,
        frozenAfter: camera.frozen_after,
      },
    ]),
  );
}

export function unlistedCameras(config: Config): CameraSettings {
  const { unlisted_cameras: unlisted } = config;
  return {
    recipeId: unlisted.recipe,
    taktMs: unlisted.takt_ms,
    onUninspected: unlisted.on_uninspected,
    countsGaps: true,
    queue: { frames: unlisted.queue_frames, bytes: unlisted.queue_bytes },
    maxFps: unlisted.max_fps,
    frozenAfter: unlisted.frozen_after,
  };
}
