/** A frame between admission and its score: a place in the waiting line, and a task for an engine. Settled exactly once. */

import type { Task, TaskResult } from './engine/task.ts';
import type { CameraId, Frame, Image, Roi } from './frame/frame.ts';
import type { Place } from './ingest/admission.ts';

export class WaitingFrame implements Task, Place {
  readonly cameraId: CameraId;
  readonly lane: string;
  readonly bytes: number;
  readonly image: Image;
  readonly roi: Roi | null;
  readonly expiresAtMono: number;
  readonly enteredAtMono: number;
  /** When an engine took it, or null while it waits. */
  takenAtMono: number | null = null;
  /** Settles with the score, or with why there is none. */
  readonly result: Promise<TaskResult>;
  private resolve: ((result: TaskResult) => void) | undefined;

  constructor(frame: Frame, lane: string, roi: Roi | null, enteredAtMono: number, expiresAtMono: number) {
    this.cameraId = frame.cameraId;
    this.lane = lane;
    this.bytes = frame.image.bytes.byteLength;
    this.image = frame.image;
    this.roi = roi;
    this.enteredAtMono = enteredAtMono;
    this.expiresAtMono = expiresAtMono;
    this.result = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  get isSettled(): boolean {
    return this.resolve === undefined;
  }

  /** The first word counts; what comes later (a late score, a second death) changes nothing. */
  settle(result: TaskResult): void {
    this.resolve?.(result);
    this.resolve = undefined;
  }
}
