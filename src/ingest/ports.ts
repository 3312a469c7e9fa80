/** What every source of frames needs from outside. The service fits these; a source knows nothing behind them. */

import type { RefusalCode } from '../errors.ts';
import type { CameraId, Frame, FrameId, Transport } from '../frame/frame.ts';
import type { Right } from '../frame/people.ts';
import type { Delivery, Outcome, RecordedResult, Verdict } from '../frame/verdict.ts';

export interface InspectOptions {
  /** Aborted when the sender no longer waits. The frame is still recorded, as UNINSPECTED(cancelled) if not yet decided. */
  readonly signal?: AbortSignal;
  /** Messages to be sent about the result, beside the one on the camera's own result topic. */
  readonly deliveries?: readonly Delivery[];
  /** The sender says that it sent this frame before: its row is looked for before it is inspected. */
  readonly isRepeat?: boolean;
}

export interface Inspector {
  /** Never rejects: every end of a frame is an Outcome, and an `answered` one is committed. */
  inspect(frame: Frame, options?: InspectOptions): Promise<Outcome>;
}

export interface ResultsFilter {
  readonly cameraId?: CameraId;
  readonly verdict?: Verdict;
}

/** The ledger as a source may read it. Every method rejects with LoupeError `store_unavailable` when it cannot be read. */
export interface ResultsReader {
  get(resultId: string): Promise<RecordedResult | null>;
  find(cameraId: CameraId, frameId: FrameId): Promise<RecordedResult | null>;
  /** Rows with `ledgerSeq > after`, ascending, at most `limit` (<= 100). */
  pageAfter(after: number, limit: number, filter: ResultsFilter): Promise<readonly RecordedResult[]>;
  /** The last committed ledgerSeq, 0 for an empty ledger. */
  lastLedgerSeq(): number;
  /** Calls `listener` after each commit; returns how to stop. */
  onCommit(listener: (lastLedgerSeq: number) => void): () => void;
}

/** Null when the bearer of `token` may do it, else why not. Without configured tokens everyone may. */
export type Authorize = (
  token: string | null,
  right: Right,
) => Extract<RefusalCode, 'unauthenticated' | 'permission_denied'> | null;

/** Counts a request that was refused before it became a frame, or that the pipeline never saw. */
export type CountRefused = (transport: Transport, code: RefusalCode) => void;
