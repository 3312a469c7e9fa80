/** A camera as Loupe's own tools play it: sends one frame, waits for its answer. */

import type { ErrorCode } from '../errors.ts';
import type { Verdict } from '../frame/verdict.ts';

export interface OutgoingFrame {
  readonly cameraId: string;
  readonly frameId: string;
  /** The image file as it is. */
  readonly bytes: Uint8Array;
  /** `image/jpeg` and the like; null leaves it to the first bytes. */
  readonly contentType: string | null;
  /** Milliseconds since 1970. */
  readonly capturedAt: number | null;
  readonly sequence: bigint | null;
  readonly isSimulated: boolean;
}

export type SendOutcome =
  | {
      readonly kind: 'answered';
      readonly resultId: string;
      readonly verdict: Verdict;
      readonly reason: string | null;
      /** 0..1; null when UNINSPECTED. */
      readonly probability: number | null;
      readonly duplicate: boolean;
    }
  | { readonly kind: 'error'; readonly code: ErrorCode | 'unreachable' | 'no_answer'; readonly message: string };

export interface FrameSender {
  /** Never rejects: what went wrong is an outcome. */
  send(frame: OutgoingFrame): Promise<SendOutcome>;
  close(): Promise<void>;
}
