/**
 * The ledger, seen from the main thread. Nothing here touches the disk.
 *
 *   record(), outbox.done() ──> writer thread ──> ledger.db, images/     one group, one transaction
 *   get(), find(), outbox.next() ──> reader thread ──> ledger.db         own read-only connection
 *   query(), search(), … ──> browser thread ──> ledger.db                another: people's searches never hold a frame up
 */

import { LoupeError } from '../errors.ts';
import type { CameraId, FrameId, Image } from '../frame/frame.ts';
import type { AuditEntry, AuditRow, PeopleChange, StoredPeople } from '../frame/people.ts';
import type { Decision, Delivery, RecordedResult } from '../frame/verdict.ts';
import type {
  Agreement,
  ChainLink,
  JudgedResult,
  LedgerBalance,
  ChainProof,
  LedgerOptions,
  LedgerStatus,
  QualityCounts,
  QualityQuery,
  OutboxItem,
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
import { keepsImage } from './image-path.ts';
import { Outbox } from './outbox.ts';
import type { ReaderCalls, StoreState, WriterCalls, WriterNotice, WriterOptions } from './protocol.ts';
import { Thread, ThreadGoneError } from './thread.ts';

const RESPAWN_MS = 1000;
/** A writer that was not heard for so long hangs, and its disk with it. On a busy machine less silence says nothing. */
const MAX_SILENT_MS = 5000;

/** Calls that a frame or its answer waits for; everything else is people's. */
const FRAME_PATH: ReadonlySet<keyof ReaderCalls> = new Set(['get', 'find', 'pageAfter', 'outboxNext']);

const CLOSED: StoreState = {
  writable: false,
  reason: 'the ledger was not started',
  lastLedgerSeq: 0,
  bytes: { db: 0, wal: 0, images: 0 },
  diskFreeBytes: 0,
  outbox: { items: 0, oldestAt: null },
};

type WriterThread = Thread<WriterCalls, WriterNotice>;
type ReaderThread = Thread<ReaderCalls, never>;

export class Ledger {
  readonly outbox: Outbox;
  private readonly options: LedgerOptions;
  private readonly listeners = new Set<(lastLedgerSeq: number) => void>();
  private state: StoreState = CLOSED;
  private writer: WriterThread | null = null;
  private reader: ReaderThread | null = null;
  private browser: ReaderThread | null = null;
  private heardAt = performance.now();
  private respawn: NodeJS.Timeout | undefined;
  private started: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;

  constructor(options: LedgerOptions) {
    this.options = options;
    this.outbox = new Outbox({
      read: (sentUpTo, limit) => this.read('outboxNext', { sentUpTo, limit }),
      remove: (ids) => this.write('outboxDone', ids, false),
      removeOlderThan: (olderThanMs) => this.write('outboxDrop', { olderThanMs }, null),
      depth: () => this.state.outbox,
    });
  }

  /**
   * Opens the store. One that cannot be written now (full, read-only, missing disk) is no error: the ledger starts not
   * writable, says why in `status()` and keeps trying.
   * @throws LoupeError `store_unavailable` where waiting will not help: in use by another process, written by a newer
   * Loupe, damaged, or not a ledger
   */
  start(): Promise<void> {
    this.started ??= this.open();
    return this.started;
  }

  /** Commits what was handed in, closes the store. Afterwards every record() is answered `unavailable`. */
  stop(): Promise<void> {
    this.stopped ??= this.close();
    return this.stopped;
  }

  /**
   * Records one decision. `recorded` means: image and row are durable, and `deliveries` stand in the outbox. For a
   * `duplicate` nothing is added; `enqueue` its deliveries.
   * @throws LoupeError `internal` where this one decision cannot be a row (a bug in what made it)
   */
  async record(decision: Decision, image: Image, deliveries: readonly Delivery[]): Promise<RecordOutcome> {
    const refusal = this.refusal();
    if (this.writer === null || refusal !== null) return { kind: 'unavailable', detail: refusal ?? 'no writer' };
    // A view would take its whole underlying buffer along, and the sender's bytes stay the sender's.
    const bytes = keepsImage(this.options.images, decision) ? new Uint8Array(image.bytes) : null;
    const transfer = bytes === null ? [] : [bytes.buffer];
    try {
      const outcome = await this.writer.ask('record', { decision, image: bytes, deliveries }, transfer);
      if (outcome.kind === 'recorded' && deliveries.length > 0) {
        this.outbox.added(itemsOf(outcome.result, deliveries, outcome.outboxIds));
      }
      return outcome;
    } catch (error) {
      if (error instanceof ThreadGoneError) return { kind: 'unavailable', detail: error.message };
      throw new LoupeError('internal', `the decision about ${decision.resultId} is no valid row: ${String(error)}`, {
        cause: error,
      });
    }
  }

  /** Adds messages, marked duplicate, about a row that stands already. False where they could not be committed. */
  enqueue(resultId: string, deliveries: readonly Delivery[]): Promise<boolean> {
    return this.outbox.repeat(resultId, deliveries, (fresh) =>
      this.write('enqueue', { resultId, deliveries: fresh }, false),
    );
  }

  get(resultId: string): Promise<RecordedResult | null> {
    return this.read('get', resultId);
  }

  find(cameraId: CameraId, frameId: FrameId): Promise<RecordedResult | null> {
    return this.read('find', { cameraId, frameId });
  }

  /** Rows with `ledgerSeq > after`, ascending, at most `limit` (<= 1000). */
  pageAfter(after: number, limit: number, filter: ResultsFilter): Promise<readonly RecordedResult[]> {
    return this.read('pageAfter', { after, limit, filter });
  }

  /** Newest first. */
  query(query: ResultsQuery): Promise<readonly RecordedResult[]> {
    return this.read('query', query);
  }

  /** Newest first; answers quickly whatever is asked for, if need be with a page that is not full. */
  search(query: ResultsQuery): Promise<ResultsPage> {
    return this.read('search', query);
  }

  /** FAIL and REVIEW rows that nobody has reviewed, newest first. */
  unreviewed(before: number | null, limit: number): Promise<ResultsPage> {
    return this.read('unreviewed', { before, limit });
  }

  /** Everything that was said about one result, oldest first. */
  reviewsOf(resultId: string): Promise<readonly Review[]> {
    return this.read('reviewsOf', resultId);
  }

  /** Null where there is no such result. */
  chainLink(resultId: string): Promise<ChainLink | null> {
    return this.read('chainLink', resultId);
  }

  /** Null where there is no such result. */
  chainProof(resultId: string): Promise<ChainProof | null> {
    return this.read('chainProof', resultId);
  }

  /** What became of the image of a row. */
  fateOf(ledgerSeq: number): Promise<Fate> {
    return this.read('fateOf', ledgerSeq);
  }

  /** Adds what a person said, with its line of the audit log. False where the result is not known or the store cannot be written. */
  review(review: Review, entry: AuditEntry | null = null): Promise<boolean> {
    return this.write('review', { review, entry }, false);
  }

  /** Commits a change of accounts or sessions with its line of the audit log. False where the store cannot be written. */
  changePeople(change: PeopleChange): Promise<boolean> {
    return this.write('people', change, false);
  }

  people(): Promise<StoredPeople> {
    return this.read('people', null);
  }

  /** The audit log, newest first, rows before `before`. */
  audit(before: number | null, limit: number): Promise<readonly AuditRow[]> {
    return this.read('audit', { before, limit });
  }

  qualityCounts(query: QualityQuery): Promise<QualityCounts> {
    return this.read('qualityCounts', query);
  }

  scoreCounts(query: ScoresQuery): Promise<ScoreCounts> {
    return this.read('scoreCounts', query);
  }

  /** What people judged among the results of some time. */
  judged(query: QualityQuery): Promise<readonly JudgedResult[]> {
    return this.read('judged', query);
  }

  /** Results worth judging that are in no queue. */
  reviewSamples(query: SamplesQuery): Promise<readonly RecordedResult[]> {
    return this.read('reviewSamples', query);
  }

  /** Where a picture was judged a second time, at least `apartMs` after the first. */
  secondLooks(span: { since: number; until: number; apartMs: number }): Promise<readonly Agreement[]> {
    return this.read('secondLooks', span);
  }

  balance(): Promise<LedgerBalance> {
    return this.read('balance', null);
  }

  /** Rows per camera and verdict since the ledger began. */
  totals(): Promise<readonly Total[]> {
    return this.read('totals', null);
  }

  lastLedgerSeq(): number {
    return this.state.lastLedgerSeq;
  }

  onCommit(listener: (lastLedgerSeq: number) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Milliseconds since the writer's thread gave a sign of life; it does once a second unless its disk holds it up. */
  get silentMs(): number {
    return performance.now() - this.heardAt;
  }

  status(): LedgerStatus {
    const { lastLedgerSeq, bytes, diskFreeBytes } = this.state;
    const reason = this.whyNotWritable();
    const pending = this.writer?.pending ?? 0;
    return { writable: reason === null, reason, pending, lastLedgerSeq, bytes, diskFreeBytes };
  }

  private async open(): Promise<void> {
    await this.spawnWriter();
    this.reader = this.spawnReader((thread) => (this.reader = thread));
    this.browser = this.spawnReader((thread) => (this.browser = thread));
  }

  private async close(): Promise<void> {
    clearTimeout(this.respawn);
    await this.outbox.removeSent();
    await this.started?.catch(() => undefined);
    await Promise.all([this.reader?.close(), this.browser?.close()]);
    await this.writer?.close();
    this.state = { ...this.state, writable: false, reason: 'the ledger is stopped' };
  }

  /** Settles when the writer made its first try. */
  private spawnWriter(): Promise<void> {
    return new Promise((resolve, reject) => {
      let isRefused = false;
      const { path, durability, retention } = this.options;
      const data: WriterOptions = { path, durability, retention };
      this.writer = new Thread('writer-thread', data, {
        noticed: (notice) => {
          this.heardAt = performance.now();
          switch (notice.kind) {
            case 'state':
              this.take(notice.state);
              resolve();
              return;
            case 'event':
              this.options.onEvent(notice.event);
              return;
            case 'refused':
              isRefused = true;
              this.state = { ...this.state, writable: false, reason: notice.message };
              reject(new LoupeError('store_unavailable', notice.message));
          }
        },
        died: (detail) => {
          if (isRefused) return;
          this.state = { ...this.state, writable: false, reason: `the writer ended: ${detail}` };
          this.options.onEvent({ kind: 'thread_died', thread: 'writer', detail });
          reject(new LoupeError('store_unavailable', `the writer of ${path} ended: ${detail}`));
          this.respawnLater();
        },
      });
    });
  }

  /** One writer follows one that ended, however often this is asked for: two would shut each other out of the store. */
  private respawnLater(): void {
    if (this.stopped !== null || this.reader === null || this.respawn !== undefined) return;
    this.respawn = setTimeout(() => {
      this.respawn = undefined;
      this.spawnWriter().catch(() => this.respawnLater());
    }, RESPAWN_MS);
  }

  /** @param replace takes the thread that follows one that died */
  private spawnReader(replace: (thread: ReaderThread) => void): ReaderThread {
    return new Thread(
      'reader-thread',
      { path: this.options.path },
      {
        noticed: () => undefined,
        died: (detail) => {
          this.options.onEvent({ kind: 'thread_died', thread: 'reader', detail });
          setTimeout(() => {
            if (this.stopped === null) replace(this.spawnReader(replace));
          }, RESPAWN_MS).unref();
        },
      },
    );
  }

  private take(state: StoreState): void {
    const before = this.state;
    this.state = state;
    if (state.writable && !before.writable) {
      void this.outbox.removeSent();
      // A commit that failed on its way back may stand all the same, with messages that nobody was told of.
      if (state.outbox.items > 0) this.outbox.added([]);
    }
    if (state.lastLedgerSeq > before.lastLedgerSeq)
      for (const listener of this.listeners) listener(state.lastLedgerSeq);
  }

  private whyNotWritable(): string | null {
    if (this.stopped !== null) return 'the ledger is stopped';
    if (!this.state.writable) return this.state.reason ?? 'the store cannot be written';
    const { silentMs } = this;
    if (silentMs <= (this.options.maxSilentMs ?? MAX_SILENT_MS)) return null;
    return `the disk of the store has not answered for ${Math.round(silentMs / 1000)} s`;
  }

  /** Why nothing can be recorded now, or null. */
  private refusal(): string | null {
    const reason = this.whyNotWritable();
    if (reason !== null) return reason;
    const pending = this.writer?.pending ?? 0;
    return pending < this.options.maxPending
      ? null
      : `${pending} records wait for the disk, at most ${this.options.maxPending} may`;
  }

  private async write<K extends keyof WriterCalls, F>(
    name: K,
    args: WriterCalls[K]['args'],
    otherwise: F,
  ): Promise<WriterCalls[K]['reply'] | F> {
    if (this.stopped !== null || !this.state.writable || this.writer === null) return otherwise;
    try {
      return await this.writer.ask(name, args);
    } catch (error) {
      if (error instanceof ThreadGoneError) return otherwise;
      throw new LoupeError('internal', `${name} failed: ${String(error)}`, { cause: error });
    }
  }

  private async read<K extends keyof ReaderCalls>(
    name: K,
    args: ReaderCalls[K]['args'],
  ): Promise<ReaderCalls[K]['reply']> {
    const thread = FRAME_PATH.has(name) ? this.reader : this.browser;
    if (thread === null) throw new LoupeError('store_unavailable', this.state.reason ?? 'the ledger was not started');
    try {
      return await thread.ask(name, args);
    } catch (error) {
      throw new LoupeError('store_unavailable', `the ledger cannot be read: ${String(error)}`, { cause: error });
    }
  }
}

function itemsOf(
  result: RecordedResult,
  deliveries: readonly Delivery[],
  ids: readonly number[],
): readonly OutboxItem[] {
  return deliveries.flatMap(({ topic, correlationData }, index) => {
    const id = ids[index];
    return id === undefined
      ? []
      : [{ id, cameraId: result.cameraId, topic, correlationData, duplicate: false, result }];
  });
}
