/** The SQL of the writer: one group of jobs, one transaction. Whoever holds this is the only one who writes. */

import { EARLIEST_MS } from './age-clock.ts';
import type { AuditEntry, PeopleChange } from '../frame/people.ts';
import type { Delivery } from '../frame/verdict.ts';
import { GENESIS_HASH } from './chain.ts';
import type { RecordOutcome, RemovalReason, Review } from './contract.ts';
import { isFaultOfOneRow, type Database } from './database.ts';
import { PeopleTables } from './people-tables.ts';
import type { RecordRequest } from './protocol.ts';
import type { Row } from './row.ts';
import { resultOf, rowOf } from './rows.ts';
import { REMOVAL_ORDER, removalRank } from './removal-order.ts';
import { Tallies } from './tallies.ts';
import { INSERT_RESULT, SELECT_RESULT } from './sql.ts';

export type Job =
  | { readonly kind: 'record'; readonly request: RecordRequest; readonly imagePath: string | null }
  | { readonly kind: 'enqueue'; readonly resultId: string; readonly deliveries: readonly Delivery[] }
  | { readonly kind: 'review'; readonly review: Review; readonly entry: AuditEntry | null }
  | { readonly kind: 'people'; readonly change: PeopleChange }
  | { readonly kind: 'outboxDone'; readonly ids: readonly number[] }
  | { readonly kind: 'outboxDrop'; readonly createdBefore: number };

export type JobEnd =
  | { readonly kind: 'record'; readonly outcome: RecordOutcome }
  | { readonly kind: 'enqueue'; readonly isKnown: boolean }
  | { readonly kind: 'review'; readonly isKnown: boolean }
  | { readonly kind: 'people' }
  | { readonly kind: 'outboxDone' }
  | { readonly kind: 'outboxDrop'; readonly items: number }
  /** This job alone could not be written: a bug in what it holds. */
  | { readonly kind: 'faulted'; readonly message: string };

export interface StoredImage {
  readonly ledgerSeq: number;
  readonly path: string;
  readonly bytes: number;
}

export interface ChainEnd {
  /** 0: no row. */
  readonly ledgerSeq: number;
  readonly chainHash: string;
}

/** What changes with every commit; taken over only once the commit succeeded. */
interface Head extends ChainEnd {
  readonly imageBytes: number;
  readonly outboxItems: number;
}

export class LedgerTables {
  private readonly database: Database;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly people: PeopleTables;
  /** A transaction inside one is a savepoint: a job that cannot be written leaves no trace. */
  private readonly inSavepoint: (job: Job, now: number) => JobEnd;
  private readonly tallies: Tallies;
  private head: Head;
  private draft: Head;

  constructor(database: Database) {
    this.database = database;
    this.statements = prepare(database);
    this.people = new PeopleTables(database);
    this.tallies = new Tallies(database);
    this.inSavepoint = database.transaction((job: Job, now: number) => this.apply(job, now));
    const last = this.statements.last.get();
    this.head = {
      ledgerSeq: last?.ledger_seq ?? 0,
      chainHash: last?.chain_hash ?? GENESIS_HASH,
      imageBytes: this.statements.imageBytes.get() ?? 0,
      outboxItems: this.statements.outboxItems.get() ?? 0,
    };
    this.draft = this.head;
  }

  get lastLedgerSeq(): number {
    return this.head.ledgerSeq;
  }

  /** The last row and its link of the chain. */
  get last(): ChainEnd {
    return { ledgerSeq: this.head.ledgerSeq, chainHash: this.head.chainHash };
  }

  /** True where this is the ledger that once ended in `end`, or went on from there. */
  continues({ ledgerSeq, chainHash }: ChainEnd): boolean {
    return ledgerSeq === 0 || this.statements.chainHash.get(ledgerSeq) === chainHash;
  }

  /** Bytes of all images that retention has not taken. */
  get imageBytes(): number {
    return this.head.imageBytes;
  }

  outbox(): { items: number; oldestAt: number | null } {
    return { items: this.head.outboxItems, oldestAt: this.statements.outboxOldest.get() ?? null };
  }

  isRecorded(cameraId: string, frameId: string): boolean {
    return this.statements.find.get(cameraId, frameId) !== undefined;
  }

  hasResult(resultId: string): boolean {
    return this.statements.ofResult.get(resultId) !== undefined;
  }

  /** Commits `jobs` in order, durably when it returns. Throws where the store failed: then none of them stands for sure. */
  commit(jobs: readonly Job[], now: number): readonly JobEnd[] {
    return this.transact(() => {
      this.tallies.clear();
      const ends = jobs.map((job) => this.end(job, now));
      this.tallies.write();
      return ends;
    });
  }

  /** A real, synced write that changes nothing of meaning. */
  probe(now: number): void {
    this.statements.setMeta.run('probed_at', String(now));
  }

  /**
   * The next images that retention would take, at most `limit`, of one verdict. A FAIL stays, however old, while any PASS is
   * kept: it is the evidence.
   * @param receivedFrom received then or later
   */
  nextRemovals(receivedBefore: number, limit: number, receivedFrom = Number.MIN_SAFE_INTEGER): readonly StoredImage[] {
    for (const verdict of REMOVAL_ORDER) {
      if (verdict === 'FAIL' && this.keepsPass()) return [];
      const found = this.statements.removable.all(removalRank(verdict), receivedFrom, receivedBefore, limit);
      if (found.length > 0) return found;
    }
    return [];
  }

  private keepsPass(): boolean {
    return (
      this.statements.removable.get(removalRank('PASS'), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 1) !==
      undefined
    );
  }

  /** Records that the files of `images` go. They are unlinked after this, and confirmed with `confirmUnlinked`. */
  recordRemovals(images: readonly StoredImage[], reason: RemovalReason, now: number): void {
    this.transact(() => {
      let { imageBytes } = this.draft;
      for (const { ledgerSeq, bytes } of images) {
        this.statements.unstoreImage.run(ledgerSeq);
        this.statements.addRemoval.run(ledgerSeq, now, reason);
        imageBytes -= bytes;
      }
      this.draft = { ...this.draft, imageBytes };
    });
  }

  /** Removals whose file may still be there. */
  openRemovals(limit: number): readonly StoredImage[] {
    return this.statements.openRemovals.all(limit);
  }

  confirmUnlinked(images: readonly StoredImage[]): void {
    this.transact(() => {
      for (const { ledgerSeq } of images) this.statements.confirmRemoval.run(ledgerSeq);
    });
  }

  private transact<T>(work: () => T): T {
    this.draft = this.head;
    const value = this.database.transaction(work).immediate();
    this.head = this.draft;
    return value;
  }

  private end(job: Job, now: number): JobEnd {
    const before = this.draft;
    let end: JobEnd;
    try {
      end = this.inSavepoint(job, now);
    } catch (error) {
      if (!isFaultOfOneRow(error) || !this.database.inTransaction) throw error;
      this.draft = before;
      return { kind: 'faulted', message: String(error) };
    }
    if (end.kind === 'record' && end.outcome.kind === 'recorded') this.tallies.note(end.outcome.result);
    return end;
  }

  private apply(job: Job, now: number): JobEnd {
    switch (job.kind) {
      case 'record':
        return { kind: 'record', outcome: this.record(job, now) };
      case 'enqueue': {
        const row = this.statements.ofResult.get(job.resultId);
        if (row !== undefined) this.enqueue(row.cameraId, row.ledgerSeq, job.deliveries, true, now);
        return { kind: 'enqueue', isKnown: row !== undefined };
      }
      case 'review': {
        const { resultId, label, defectClass, comment, reviewer, reviewedAt } = job.review;
        const row = this.statements.ofResult.get(resultId);
        if (row === undefined) return { kind: 'review', isKnown: false };
        this.statements.addReview.run(row.ledgerSeq, label, defectClass, comment, reviewer, reviewedAt);
        if (job.entry !== null) this.people.audit.add(job.entry);
        return { kind: 'review', isKnown: true };
      }
      case 'people':
        this.people.apply(job.change);
        return { kind: 'people' };
      case 'outboxDone':
        for (const id of job.ids) this.forget(this.statements.outboxDone.run(id).changes);
        return { kind: 'outboxDone' };
      case 'outboxDrop': {
        const items = this.statements.outboxDrop.run(EARLIEST_MS, job.createdBefore).changes;
        this.forget(items);
        return { kind: 'outboxDrop', items };
      }
    }
  }

  private record(job: Job & { kind: 'record' }, now: number): RecordOutcome {
    const { decision, deliveries } = job.request;
    const before = this.statements.find.get(decision.cameraId, decision.frameId);
    if (before !== undefined) {
      return {
        kind: before.image_sha256 === decision.imageSha256 ? 'duplicate' : 'conflict',
        result: resultOf(before),
      };
    }
    const row = rowOf(decision, job.imagePath, this.draft.ledgerSeq + 1, this.draft.chainHash);
    this.statements.insert.run({ ...row, sequence: decision.sequence });
    if (job.imagePath !== null) {
      this.statements.storeImage.run(row.ledger_seq, removalRank(decision.verdict), row.received_at, row.image_bytes);
    }
    this.draft = {
      ...this.draft,
      ledgerSeq: row.ledger_seq,
      chainHash: row.chain_hash,
      imageBytes: this.draft.imageBytes + (job.imagePath === null ? 0 : row.image_bytes),
    };
    const outboxIds = this.enqueue(decision.cameraId, row.ledger_seq, deliveries, false, now);
    return { kind: 'recorded', result: resultOf(row), outboxIds };
  }

  private enqueue(
    cameraId: string,
    ledgerSeq: number,
    deliveries: readonly Delivery[],
    isDuplicate: boolean,
    now: number,
  ): number[] {
    this.draft = { ...this.draft, outboxItems: this.draft.outboxItems + deliveries.length };
    return deliveries.map(({ topic, correlationData }) =>
      Number(
        this.statements.addDelivery.run(cameraId, ledgerSeq, topic, correlationData, isDuplicate ? 1 : 0, now)
          .lastInsertRowid,
      ),
    );
  }

  private forget(items: number): void {
    this.draft = { ...this.draft, outboxItems: this.draft.outboxItems - items };
  }
}

function prepare(database: Database) {
  const one = (text: string) => database.prepare<(string | number)[], number>(text).pluck();
  return {
    last: database.prepare<[], Row>(`${SELECT_RESULT} ORDER BY ledger_seq DESC LIMIT 1`),
    find: database.prepare<[string, string], Row>(`${SELECT_RESULT} WHERE camera_id = ? AND frame_id = ?`),
    ofResult: database.prepare<[string], { readonly cameraId: string; readonly ledgerSeq: number }>(
      'SELECT camera_id AS cameraId, ledger_seq AS ledgerSeq FROM results WHERE result_id = ?',
    ),
    insert: database.prepare<[Omit<Row, 'sequence'> & { sequence: bigint | null }]>(INSERT_RESULT),
    chainHash: database.prepare<[number], string>('SELECT chain_hash FROM results WHERE ledger_seq = ?').pluck(),
    setMeta: database.prepare<[string, string]>('INSERT OR REPLACE INTO meta VALUES (?, ?)'),
    storeImage: database.prepare<[number, number, number, number]>(
      'INSERT INTO stored_images (ledger_seq, removal_rank, received_at, bytes) VALUES (?, ?, ?, ?)',
    ),
    imageBytes: one('SELECT sum(bytes) FROM stored_images'),
    removable: database.prepare<[number, number, number, number], StoredImage>(
      `SELECT s.ledger_seq AS ledgerSeq, r.image_path AS path, s.bytes
       FROM stored_images s JOIN results r USING (ledger_seq)
       WHERE s.removal_rank = ? AND s.received_at >= ? AND s.received_at < ? ORDER BY s.received_at, s.ledger_seq LIMIT ?`,
    ),
    unstoreImage: database.prepare<[number]>('DELETE FROM stored_images WHERE ledger_seq = ?'),
    addRemoval: database.prepare<[number, number, string]>('INSERT INTO image_removals VALUES (?, ?, ?, 0)'),
    openRemovals: database.prepare<[number], StoredImage>(
      `SELECT m.ledger_seq AS ledgerSeq, r.image_path AS path, r.image_bytes AS bytes
       FROM image_removals m JOIN results r USING (ledger_seq) WHERE m.is_unlinked = 0 LIMIT ?`,
    ),
    confirmRemoval: database.prepare<[number]>('UPDATE image_removals SET is_unlinked = 1 WHERE ledger_seq = ?'),
    addDelivery: database.prepare<[string, number, string | null, Uint8Array | null, number, number]>(
      `INSERT INTO outbox (camera_id, ledger_seq, topic, correlation_data, is_duplicate, created_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    addReview: database.prepare<[number, string, string | null, string | null, string, number]>(
      `INSERT INTO reviews (ledger_seq, label, defect_class, comment, reviewer, reviewed_at) VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    outboxItems: one('SELECT count(*) FROM outbox'),
    outboxOldest: one('SELECT created_at FROM outbox ORDER BY id LIMIT 1'),
    outboxDone: database.prepare<[number]>('DELETE FROM outbox WHERE id = ?'),
    outboxDrop: database.prepare<[number, number]>('DELETE FROM outbox WHERE created_at >= ? AND created_at < ?'),
  };
}
