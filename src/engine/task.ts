/** A frame on its way through an engine, as the pool sees it. */

import type { UninspectedReason } from '../errors.ts';
import type { Image, Roi } from '../frame/frame.ts';
import type { ImageLook } from '../frame/image-look.ts';
import type { Score } from '../frame/score.ts';
import type { ModelRef, Provider } from '../frame/verdict.ts';

export type TaskResult =
  | (Score & {
      readonly kind: 'scored';
      readonly look: ImageLook;
      readonly decodeMs: number;
      readonly inferMs: number;
      readonly batchSize: number;
      readonly model: ModelRef;
      readonly provider: Provider;
    })
  | { readonly kind: 'faulted'; readonly reason: UninspectedReason; readonly detail: string };

/** A frame to be scored. Once settled (answered late, cancelled) it is not worth a run any more. */
export interface Task {
  readonly image: Image;
  readonly roi: Roi | null;
  /** Monotonic milliseconds (`performance.now()`). */
  readonly expiresAtMono: number;
  readonly isSettled: boolean;
  settle(result: TaskResult): void;
}

/** Where a pool gets its work: the next live task, or nothing. */
export interface TaskSource {
  take(): Task | undefined;
}
