/** The vocabulary of what was decided about a frame. */

import type { RefusalCode, UninspectedReason } from '../errors.ts';
import type { CameraId, FrameId, PartIds, Roi, Transport } from './frame.ts';

export const VERDICTS = ['PASS', 'FAIL', 'REVIEW', 'UNINSPECTED'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * What the line should do with the part. PASS is accepted, FAIL rejected, REVIEW held; an UNINSPECTED part goes
 * where its camera's `on_uninspected` says, and that is never `accept`.
 */
export const DISPOSITIONS = ['accept', 'reject', 'hold'] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

export const PROVIDERS = ['cuda', 'cpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

export interface ModelRef {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of model.onnx, lower-case hex. */
  readonly sha256: string;
  /** The cheaper form of it that scored (`int8`, `fp16`); absent: model.onnx itself. */
  readonly variant?: string;
}

/** The two cuts of a recipe: below `passBelow` PASS, at or above `failAbove` FAIL, between them REVIEW. */
export interface Cuts {
  readonly passBelow: number;
  readonly failAbove: number;
}

/** How the picture became what the model saw: with the image and the model, all that a replay needs. */
export interface ModelInput {
  /** Null: the whole picture. */
  readonly roi: Roi | null;
  /** Of the model's input and output contract, lower-case hex. */
  readonly contractSha256: string;
}

/** Milliseconds each stage took; null where the frame never reached it. */
export interface StageTimes {
  readonly queueMs: number | null;
  readonly decodeMs: number | null;
  readonly inferMs: number | null;
  /** Receipt to decision. */
  readonly totalMs: number;
}

/** Everything the ledger will keep about a frame, decided and not yet recorded. */
export interface Decision extends PartIds {
  /** UUID version 7: sorts by time. */
  readonly resultId: string;
  readonly cameraId: CameraId;
  readonly frameId: FrameId;
  readonly sequence: bigint | null;
  readonly capturedAt: number | null;
  readonly receivedAt: number;
  readonly decidedAt: number;
  readonly transport: Transport;
  readonly verdict: Verdict;
  /** Set exactly when the verdict is UNINSPECTED. */
  readonly reason: UninspectedReason | null;
  /** What was expected and what came, for a person; only beside a reason. */
  readonly reasonDetail: string | null;
  readonly disposition: Disposition;
  /** Sigmoid output, 0..1; null when UNINSPECTED. */
  readonly defectProbability: number | null;
  /** As in `Score`; null when UNINSPECTED. */
  readonly unfamiliarity: number | null;
  readonly recipeId: string | null;
  readonly cuts: Cuts | null;
  readonly model: ModelRef | null;
  readonly provider: Provider | null;
  /** Null where nothing was scored; in the ledger also for rows of a Loupe that did not keep it. */
  readonly modelInput: ModelInput | null;
  readonly times: StageTimes;
  readonly imageSha256: string;
  readonly imageBytes: number;
  /** `image/jpeg` and the like, or `application/x-raw; format=MONO8; width=…; height=…; stride=…`. */
  readonly imageMediaType: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly isSimulated: boolean;
}

/** A decision that stands in the ledger. */
export interface RecordedResult extends Decision {
  /** Place in the ledger: 1, 2, 3 … without gaps. */
  readonly ledgerSeq: number;
  /** Hash of this row chained to the row before, lower-case hex. */
  readonly chainHash: string;
  /** Path of the stored image below the store's `images/`, or null where none is kept. */
  readonly imagePath: string | null;
}

/** What the sender of a frame is told. */
export interface Answer {
  readonly result: RecordedResult;
  /** True when this frame id had been recorded before and `result` is that record. */
  readonly duplicate: boolean;
}

/** A request that left nothing in the ledger. */
export interface Refusal {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  readonly message: string;
}

/** How the pipeline's work on one frame ends. Expected ends are values, never exceptions. */
export type Outcome = (Answer & { readonly kind: 'answered' }) | Refusal;

/** A message to be sent about a recorded result, kept in the same transaction as the result. */
export interface Delivery {
  /** Topic asked for by the sender (MQTT 5 response topic), or null for the camera's own result topic. */
  readonly topic: string | null;
  /** MQTT 5 correlation data to be handed back. */
  readonly correlationData: Uint8Array | null;
}
