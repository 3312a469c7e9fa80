/** By when a frame must be decided. */

import type { Frame } from './frame/frame.ts';
import type { CameraSettings } from './ingest/cameras.ts';

/** Patience with a frame when neither its sender nor its camera's takt sets one. */
const DEFAULT_PATIENCE_MS = 10_000;
const MAX_PATIENCE_MS = 600_000;
/** Kept back from the deadline for the commit and the way home, but at most a quarter of it. */
const COMMIT_RESERVE_MS = 15;

/** The monotonic moment by which the frame must be decided, in milliseconds. */
export function deadlineOf(frame: Frame, camera: CameraSettings): number {
  const asked = Math.min(frame.maxWaitMs ?? MAX_PATIENCE_MS, camera.taktMs ?? MAX_PATIENCE_MS);
  const patienceMs = frame.maxWaitMs === null && camera.taktMs === null ? DEFAULT_PATIENCE_MS : asked;
  return frame.receivedAtMono + patienceMs - Math.min(COMMIT_RESERVE_MS, patienceMs / 4);
}
