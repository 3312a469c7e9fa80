/** What the record stage is told, what it answers and what it reports. */

import type { CameraId } from '../frame/frame.ts';
import type { RecordedResult, Verdict } from '../frame/verdict.ts';
import type { Durability } from './database.ts';

export interface ImagePolicy {
  readonly keep: 'all' | 'not_pass' | 'none';
  /** With `not_pass`: the share of PASS images that is kept all the same, 0..1. */
  readonly keepPassRatio: number;
}

export interface RetentionPolicy {
  /** Images older than this go, whatever their verdict; null keeps them. */
  readonly maxAgeDays: number | null;
  /** What all images together may hold; null means no limit. */
  readonly maxBytes: number | null;
  /** Disk pressure: images go while the file system has less than this free. */
  readonly minFreeBytes: number;
}

export type RemovalReason = 'age' | 'bytes' | 'disk_pressure';

export type LedgerEvent =
  | { readonly kind: 'opened'; readonly schemaBefore: number; readonly schema: number; readonly lastLedgerSeq: number }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'available'; readonly downMs: number }
  | {
      readonly kind: 'committed';
      readonly rows: number;
      readonly images: number;
      readonly imageBytes: number;
      readonly ms: number;
    }
  | { readonly kind: 'images_removed'; readonly reason: RemovalReason; readonly images: number; readonly bytes: number }
  /** Retention stops until the store is opened again. */
  | { readonly kind: 'removal_failed'; readonly path: string; readonly detail: string }
  /** The wall clock went ahead of time: for a day nothing goes for its age by it. */
  | { readonly kind: 'clock_jumped'; readonly forwardMs: number }
  | { readonly kind: 'orphans_swept'; readonly files: number }
  /** More files without a row than a crash can leave: somebody should look before they are deleted. */
  | { readonly kind: 'orphans_left'; readonly files: number; readonly why: string }
  | { readonly kind: 'outbox_dropped'; readonly items: number }
  | { readonly kind: 'wal_truncated'; readonly bytes: number }
  | { readonly kind: 'thread_died'; readonly thread: 'writer' | 'reader'; readonly detail: string };

export interface LedgerOptions {
  /** Store folder: ledger.db, lock.db and images/. Created when missing. */
  readonly path: string;
  readonly durability: Durability;
  readonly images: ImagePolicy;
  readonly retention: RetentionPolicy;
  /** Records waiting for the writer; beyond it record() answers `unavailable`. */
  readonly maxPending: number;
  /** A writer that was not heard for so long counts as hanging, and nothing is recorded until it is heard. Default 5 s. */
  readonly maxSilentMs?: number;
  onEvent(event: LedgerEvent): void;
}

export type RecordOutcome =
  /** `outboxIds`: of its messages, in the order of their deliveries. */
  | { readonly kind: 'recorded'; readonly result: RecordedResult; readonly outboxIds: readonly number[] }
  /** The same camera, frame id and image had been recorded before. */
  | { readonly kind: 'duplicate'; readonly result: RecordedResult }
  /** The same camera and frame id had been recorded before, with other bytes. */
  | { readonly kind: 'conflict'; readonly result: RecordedResult }
  /** Nothing was recorded. */
  | { readonly kind: 'unavailable'; readonly detail: string };

export interface ResultsFilter {
  readonly cameraId?: CameraId;
  readonly verdict?: Verdict;
}

export interface ResultsQuery extends ResultsFilter {
  readonly partId?: string;
  readonly jobId?: string;
  /** Name of the model that scored it. */
  readonly model?: string;
  /** Defect probability in [minProbability, maxProbability]. */
  readonly minProbability?: number;
  readonly maxProbability?: number;
  /** received_at in [since, until), milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Only rows with a ledgerSeq below this: where the page before ended. */
  readonly before?: number;
  /** 1..1000 */
  readonly limit: number;
}

/** Rows of a search, and where it goes on. */
export interface ResultsPage {
  readonly rows: readonly RecordedResult[];
  /** `before` of the next page; null when there is none. A page may hold fewer rows than asked for, and still go on. */
  readonly next: number | null;
}

export const REVIEW_LABELS = ['ok', 'ng', 'unsure', 'withdrawn'] as const;
export type ReviewLabel = (typeof REVIEW_LABELS)[number];

/** What a person said about one result. `withdrawn` takes back what was said before. */
export interface Review {
  readonly resultId: string;
  readonly label: ReviewLabel;
  readonly defectClass: string | null;
  readonly comment: string | null;
  readonly reviewer: string;
  /** Milliseconds since 1970. */
  readonly reviewedAt: number;
}

/** One row's link in the chain, computed again from the row as it stands. */
export interface ChainLink {
  readonly previousHash: string;
  readonly recordedHash: string;
  readonly computedHash: string;
}

/** A row's link with what was hashed, and the link of the row after it. */
export interface ChainProof extends ChainLink {
  /** SHA-256 of this UTF-8 text is `computedHash`. */
  readonly hashedText: string;
  /** Null for the last row. */
  readonly next: (ChainLink & { readonly ledgerSeq: number }) | null;
}

export interface Total {
  readonly cameraId: CameraId;
  readonly verdict: Verdict;
  readonly rows: number;
}

export interface LedgerStatus {
  readonly writable: boolean;
  /** Why it is not writable, for a person. */
  readonly reason: string | null;
  /** Records that wait for their commit. */
  readonly pending: number;
  readonly lastLedgerSeq: number;
  readonly bytes: { readonly db: number; readonly wal: number; readonly images: number };
  readonly diskFreeBytes: number;
}

/** Which counts Quality wants: received in [since, until), milliseconds since 1970, widened to whole quarters of an hour. */
export interface QualityQuery {
  readonly since: number;
  readonly until: number;
  readonly cameraId?: string;
  readonly recipe?: string;
}

export interface QualityCounts {
  /** Rows by quarter of an hour (milliseconds since 1970 at its start) and verdict, ascending in time. */
  readonly quarters: readonly { readonly at: number; readonly verdict: Verdict; readonly rows: number }[];
  /** Rows by camera, recipe ('' where none) and verdict. */
  readonly series: readonly {
    readonly cameraId: string;
    readonly recipe: string;
    readonly verdict: Verdict;
    readonly rows: number;
  }[];
  /** Rows by bucket of src/statistics/latency.ts, of the whole hours that the span touches. */
  readonly latency: readonly { readonly bucket: number; readonly rows: number }[];
}

/** Scores of one recipe under one model. */
export interface ScoresQuery {
  readonly recipe: string;
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly cameraId?: string;
  /** Milliseconds since 1970; widened to the whole day (UTC). */
  readonly since: number;
}

export interface ScoreCounts {
  /** `[bin, rows]` by step of 0.001, ascending. */
  readonly bins: readonly (readonly [number, number])[];
  readonly cameras: readonly string[];
  /** Rows by the verdict that they were given. */
  readonly given: readonly { readonly verdict: Verdict; readonly rows: number }[];
}

/** A result that a person judged ok or ng, with the last word on it. */
export interface JudgedResult {
  readonly resultId: string;
  readonly cameraId: string;
  readonly recipe: string | null;
  readonly partId: string | null;
  readonly model: string | null;
  readonly modelSha256: string | null;
  readonly verdict: Verdict;
  readonly probability: number | null;
  readonly unfamiliarity: number | null;
  readonly label: 'ok' | 'ng';
  readonly defectClass: string | null;
  readonly reviewer: string;
}

export interface SamplesQuery {
  /** `again`: judged once, before `before`. `passed`: PASS of the week before `before`, with a picture, never judged. */
  readonly kind: 'again' | 'passed';
  /** Milliseconds since 1970. */
  readonly before: number;
  /** Where to begin, 0..1. */
  readonly place: number;
  readonly limit: number;
}

/** Two judgements of one picture. */
export interface Agreement {
  /** Who gave the second. */
  readonly reviewer: string;
  readonly first: 'ok' | 'ng' | 'unsure';
  readonly second: 'ok' | 'ng' | 'unsure';
}

export interface LedgerBalance {
  /** Rows by their numbers, and as they were counted one by one. */
  readonly lastLedgerSeq: number;
  readonly counted: number;
}

export interface OutboxItem {
  /** Ascending in the order of commit. */
  readonly id: number;
  readonly cameraId: CameraId;
  /** Null for the camera's own result topic. */
  readonly topic: string | null;
  readonly correlationData: Uint8Array | null;
  readonly duplicate: boolean;
  readonly result: RecordedResult;
}

export interface OutboxPage {
  /** Ascending by id; of each camera its oldest. */
  readonly items: readonly OutboxItem[];
  /** Nothing else waits. */
  readonly isAll: boolean;
}
