/** Inspectors for the tests of sources: every frame is recorded, unless a test says otherwise. */

import type { Frame } from '../../src/frame/frame.ts';
import type { Outcome } from '../../src/frame/verdict.ts';
import type { InspectOptions, Inspector } from '../../src/ingest/ports.ts';
import { recordedOf } from './frames.ts';

export class FakeInspector implements Inspector {
  readonly frames: Frame[] = [];
  readonly deliveries: InspectOptions['deliveries'][] = [];
  /** What becomes of the next frames; by default each is answered at once. */
  answer: (frame: Frame) => Outcome | Promise<Outcome> = answered;

  async inspect(frame: Frame, options?: InspectOptions): Promise<Outcome> {
    this.frames.push(frame);
    this.deliveries.push(options?.deliveries);
    return this.answer(frame);
  }

  get frameIds(): string[] {
    return this.frames.map((frame) => frame.frameId);
  }
}

export function answered(frame: Frame): Outcome {
  return {
    kind: 'answered',
    duplicate: false,
    result: recordedOf({ cameraId: frame.cameraId, frameId: frame.frameId }),
  };
}

/** A promise and its end. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
