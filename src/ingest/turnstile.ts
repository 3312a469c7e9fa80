/** Lets the frames of one camera on in the order in which they came, whatever overtook whom inside the engines. */

import type { CameraId } from '../frame/frame.ts';

export interface Turn {
  /** Resolves when every earlier frame of the camera is through, or after `timeoutMs`: nobody is late for another. */
  wait(timeoutMs: number): Promise<void>;
  /** This frame is through. */
  pass(): void;
}

export class Turnstile {
  /** Settles when the last frame that entered is through, and with it all before. */
  private readonly last = new Map<CameraId, Promise<void>>();

  enter(cameraId: CameraId): Turn {
    const before = this.last.get(cameraId);
    let pass = (): void => undefined;
    const own = new Promise<void>((resolve) => {
      pass = resolve;
    });
    const through = before === undefined ? own : Promise.all([before, own]).then(() => undefined);
    this.last.set(cameraId, through);
    void through.then(() => {
      if (this.last.get(cameraId) === through) this.last.delete(cameraId);
    });
    return { pass, wait: (timeoutMs) => (before === undefined ? Promise.resolve() : within(before, timeoutMs)) };
  }
}

function within(promise: Promise<void>, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, timeoutMs));
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
