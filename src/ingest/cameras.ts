/** Which cameras are served, and how. Bounded: ids come from outside and may be anything. */

import type { CameraId } from '../frame/frame.ts';
import type { Refusal } from '../frame/verdict.ts';
import type { QueueLimits } from './admission.ts';
import { Pace } from './pace.ts';

export interface CameraSettings {
  readonly recipeId: string;
  /** Milliseconds within which a frame is answered; null where the line sets none. */
  readonly taktMs: number | null;
  readonly onUninspected: 'reject' | 'hold';
  readonly countsGaps: boolean;
  readonly queue: QueueLimits;
  /** Frames per second, on average; null where there is no limit. */
  readonly maxFps: number | null;
  /** From so many times the very same picture in a row on nothing is inspected; null: it is. */
  readonly frozenAfter: number | null;
}

export interface CamerasOptions {
  readonly listed: ReadonlyMap<CameraId, CameraSettings>;
  /** Settings of cameras not listed; null refuses them. */
  readonly unlisted: CameraSettings | null;
  /** How many cameras not listed are served at once. */
  readonly maxUnlisted: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** A camera not listed that was silent for this long gives its place to another. */
const UNLISTED_IDLE_MS = 3_600_000;

export class Cameras {
  private readonly options: CamerasOptions;
  /** Last frame of each camera not listed, longest silent first. */
  private readonly unlisted = new Map<CameraId, number>();
  /** Of the cameras being served. */
  private readonly paces = new Map<CameraId, Pace>();

  constructor(options: CamerasOptions) {
    this.options = options;
  }

  /** The settings that serve one frame of `cameraId`, or why it is not served. */
  admit(cameraId: CameraId): CameraSettings | Refusal {
    const settings = this.settingsOf(cameraId);
    if ('kind' in settings || settings.maxFps === null) return settings;
    const pace = this.paces.get(cameraId) ?? new Pace(settings.maxFps, this.options.now());
    this.paces.set(cameraId, pace);
    if (pace.take(this.options.now())) return settings;
    return refused(
      'rate_limited',
      `camera "${cameraId}" sends more than ${settings.maxFps} frames per second (max_fps)`,
    );
  }

  private settingsOf(cameraId: CameraId): CameraSettings | Refusal {
    const listed = this.options.listed.get(cameraId);
    if (listed !== undefined) return listed;
    const { unlisted, maxUnlisted, now } = this.options;
    if (unlisted === null) {
      return refused('unknown_camera', `camera "${cameraId}" is not listed under \`cameras\``);
    }
    const [longestSilent] = this.unlisted;
    if (!this.unlisted.has(cameraId) && this.unlisted.size >= maxUnlisted && longestSilent !== undefined) {
      const [silentId, lastFrameAt] = longestSilent;
      if (now() - lastFrameAt < UNLISTED_IDLE_MS) {
        return refused(
          'too_many_cameras',
          `camera "${cameraId}" is not listed, and ${maxUnlisted} other such cameras are being served; list it under \`cameras\``,
        );
      }
      this.unlisted.delete(silentId);
      this.paces.delete(silentId);
    }
    this.unlisted.delete(cameraId);
    this.unlisted.set(cameraId, now());
    return unlisted;
  }
}

function refused(code: 'unknown_camera' | 'too_many_cameras' | 'rate_limited', message: string): Refusal {
  return { kind: 'refused', code, message };
}
