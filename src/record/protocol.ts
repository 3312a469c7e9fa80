/** What the ledger and its two threads say to each other. Everything here survives a structured clone. */

import type { CameraId, FrameId } from '../frame/frame.ts';
import type { AuditEntry, AuditRow, PeopleChange, StoredPeople } from '../frame/people.ts';
import type { Decision, Delivery, RecordedResult } from '../frame/verdict.ts';
import type {
  Agreement,
  ChainLink,
  JudgedResult,
  LedgerBalance,
  ChainProof,
  LedgerEvent,
  LedgerOptions,
  OutboxPage,
  QualityCounts,
  QualityQuery,
  RecordOutcome,
  ResultsFilter,
  ResultsPage,
  ResultsQuery,
  Review,
  SamplesQuery,
  ScoreCounts,
  ScoresQuery,
  Total,
} from './contract.ts';

import type { Fate } from './image-fate.ts';

/** A thread's calls: what each takes and what it answers. */
export type Calls = Readonly<Record<string, { readonly args: unknown; readonly reply: unknown }>>;

export type WriterCalls = {
  record: { args: RecordRequest; reply: RecordOutcome };
  enqueue: { args: { readonly resultId: string; readonly deliveries: readonly Delivery[] }; reply: boolean };
  /** False when it could not be committed now. */
  outboxDone: { args: readonly number[]; reply: boolean };
  /** False where the result is not known or it could not be committed now. */
  review: { args: { readonly review: Review; readonly entry: AuditEntry | null }; reply: boolean };
  /** False where it could not be committed now. */
  people: { args: PeopleChange; reply: boolean };
  /** How many were dropped, null when it could not be committed now. */
  outboxDrop: { args: { readonly olderThanMs: number }; reply: number | null };
};

export interface RecordRequest {
  readonly decision: Decision;
  /** Null where the policy does not keep it. */
  readonly image: Uint8Array | null;
  readonly deliveries: readonly Delivery[];
}

export type ReaderCalls = {
  get: { args: string; reply: RecordedResult | null };
  find: { args: { readonly cameraId: CameraId; readonly frameId: FrameId }; reply: RecordedResult | null };
  pageAfter: {
    args: { readonly after: number; readonly limit: number; readonly filter: ResultsFilter };
    reply: readonly RecordedResult[];
  };
  query: { args: ResultsQuery; reply: readonly RecordedResult[] };
  search: { args: ResultsQuery; reply: ResultsPage };
  /** FAIL and REVIEW rows that nobody has reviewed, newest first. */
  unreviewed: { args: { readonly before: number | null; readonly limit: number }; reply: ResultsPage };
  reviewsOf: { args: string; reply: readonly Review[] };
  people: { args: null; reply: StoredPeople };
  /** Newest first. */
  audit: { args: { readonly before: number | null; readonly limit: number }; reply: readonly AuditRow[] };
  chainLink: { args: string; reply: ChainLink | null };
  chainProof: { args: string; reply: ChainProof | null };
  fateOf: { args: number; reply: Fate };
  totals: { args: null; reply: readonly Total[] };
  qualityCounts: { args: QualityQuery; reply: QualityCounts };
  scoreCounts: { args: ScoresQuery; reply: ScoreCounts };
  judged: { args: QualityQuery; reply: readonly JudgedResult[] };
  balance: { args: null; reply: LedgerBalance };
  reviewSamples: { args: SamplesQuery; reply: readonly RecordedResult[] };
  secondLooks: {
    args: { readonly since: number; readonly until: number; readonly apartMs: number };
    reply: readonly Agreement[];
  };
  outboxNext: {
    args: { readonly sentUpTo: ReadonlyMap<CameraId, number>; readonly limit: number };
    reply: OutboxPage;
  };
};

/** Options of the writer thread: the ledger's, without what cannot cross. */
export type WriterOptions = Pick<LedgerOptions, 'path' | 'durability' | 'retention'>;

/** The state of the store as the writer last saw it. */
export interface StoreState {
  readonly writable: boolean;
  readonly reason: string | null;
  readonly lastLedgerSeq: number;
  readonly bytes: { readonly db: number; readonly wal: number; readonly images: number };
  readonly diskFreeBytes: number;
  readonly outbox: { readonly items: number; readonly oldestAt: number | null };
}

export type WriterNotice =
  | { readonly kind: 'state'; readonly state: StoreState }
  | { readonly kind: 'event'; readonly event: LedgerEvent }
  /** The first try to open ended for good; the thread ends too. */
  | { readonly kind: 'refused'; readonly message: string };

/** To a thread: calls in order, or the wish that it ends. */
export type ToThread = { readonly kind: 'calls'; readonly calls: readonly Call[] } | { readonly kind: 'close' };

export interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

export type Reply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/** From a thread: notices first, then answers. */
export interface FromThread<Notice> {
  readonly notices: readonly Notice[];
  readonly replies: readonly Reply[];
}
