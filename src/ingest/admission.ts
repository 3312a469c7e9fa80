/**
 * The one waiting line. Bounded in frames and bytes, per camera and in all; fair between cameras; knows each frame's
 * deadline. What does not fit is refused here and now, and what waits too long is let go at its deadline: both are outcomes
 * that the pipeline records, never silence.
 *
 *   enter ──> [camera a: f f f]          take(model): the cameras in turn,
 *             [camera b: f]       ──>    first come first served within one
 *             [camera c: f f]
 */

import type { UninspectedReason } from '../errors.ts';
import type { CameraId } from '../frame/frame.ts';

export interface QueueLimits {
  readonly frames: number;
  readonly bytes: number;
}

/** A frame in the line or on its way through an engine. */
export interface Place {
  readonly cameraId: CameraId;
  /** Key of the pool that can take it. */
  readonly lane: string;
  readonly bytes: number;
}

export interface Full {
  readonly reason: UninspectedReason;
  readonly detail: string;
}

interface Line<P> {
  readonly waiting: P[];
  bytes: number;
}

export class Admission<P extends Place> {
  private readonly limits: QueueLimits;
  private readonly cameraLimits: (camera: CameraId) => QueueLimits;
  /** Insertion order is the order of turns: a camera that was served goes to the end. */
  private readonly lines = new Map<CameraId, Line<P>>();
  private frames = 0;
  private bytes = 0;

  /**
   * @param limits over all cameras, counting frames that wait
   * @param cameraLimits of one camera
   */
  constructor(limits: QueueLimits, cameraLimits: (camera: CameraId) => QueueLimits) {
    this.limits = limits;
    this.cameraLimits = cameraLimits;
  }

  /** Takes a place in the line, or says why there is none. */
  enter(place: P): Full | null {
    const line = this.lines.get(place.cameraId) ?? { waiting: [], bytes: 0 };
    const own = this.cameraLimits(place.cameraId);
    if (line.waiting.length >= own.frames || line.bytes + place.bytes > own.bytes) {
      return full(`camera ${place.cameraId}`, line.waiting.length, line.bytes, own);
    }
    if (this.frames >= this.limits.frames || this.bytes + place.bytes > this.limits.bytes) {
      return full('the service', this.frames, this.bytes, this.limits);
    }
    line.waiting.push(place);
    this.count(line, place, 1);
    this.lines.set(place.cameraId, line);
    return null;
  }

  /** The next live frame for `lane`, from the camera whose turn it is; undefined when none waits. */
  take(lane: string): P | undefined {
    for (const [cameraId, line] of this.lines) {
      const index = line.waiting.findIndex((place) => place.lane === lane);
      const place = index < 0 ? undefined : line.waiting.splice(index, 1)[0];
      if (place === undefined) continue;
      this.count(line, place, -1);
      this.lines.delete(cameraId);
      if (line.waiting.length > 0) this.lines.set(cameraId, line);
      return place;
    }
    return undefined;
  }

  /** Gives the place of a settled frame up before its turn. */
  leave(place: P): void {
    const line = this.lines.get(place.cameraId);
    const index = line?.waiting.indexOf(place) ?? -1;
    if (line === undefined || index < 0) return;
    line.waiting.splice(index, 1);
    this.count(line, place, -1);
    if (line.waiting.length === 0) this.lines.delete(place.cameraId);
  }

  /** Frames and bytes that wait, over all cameras. */
  get depth(): QueueLimits {
    return { frames: this.frames, bytes: this.bytes };
  }

  depthOf(cameraId: CameraId): number {
    return this.lines.get(cameraId)?.waiting.length ?? 0;
  }

  private count(line: Line<P>, place: P, sign: 1 | -1): void {
    line.bytes += sign * place.bytes;
    this.frames += sign;
    this.bytes += sign * place.bytes;
  }
}

function full(whose: string, frames: number, bytes: number, limits: QueueLimits): Full {
  return {
    reason: 'queue_full',
    detail: `the queue of ${whose} holds ${frames} frames and ${bytes} bytes; its limit is ${limits.frames} frames and ${limits.bytes} bytes`,
  };
}
