/**
 * The one who writes: takes what is queued as one group, makes its images durable, commits its rows, then answers.
 *
 *            +-- open ----------------------------+      a fault of disk or database
 *   start -> | group, group, …, tick, removals, … | ------------------------------+
 *            +------------------------------------+                               v
 *                     ^                                    closed: every call is answered `unavailable`
 *                     +---- a real write succeeded ------- a try with every tick
 */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Decision } from '../frame/verdict.ts';
import { AgeClock } from './age-clock.ts';
import { ClockFile } from './clock-file.ts';
import type { LedgerEvent } from './contract.ts';
import { MAX_WAL_BYTES, sqliteCode, StoreRefusedError, truncateWal } from './database.ts';
import type { ImageFile, ImageFiles } from './image-store.ts';
import { fileOf, filesWithoutRow, jobOf, replyOf, unavailable } from './jobs.ts';
import type { JobEnd, LedgerTables } from './ledger-tables.ts';
import { SCHEMA_VERSION } from './migrations/index.ts';
import type { Call, Reply, StoreState, WriterNotice, WriterOptions } from './protocol.ts';
import { Retention } from './retention.ts';
import { Store, type OpenStore } from './store.ts';

const MAX_GROUP = 64;
const MIN_PROBE_BYTES = 64 * 1024;
const MAX_PROBE_BYTES = 64 * 1024 * 1024;

export interface WriterPorts {
  readonly files: ImageFiles;
  now(): number;
  /** Notices first, then the answers to calls. */
  post(notices: readonly WriterNotice[], replies: readonly Reply[]): void;
}

export class Writer {
  private readonly options: WriterOptions;
  private readonly ports: WriterPorts;
  private readonly retention: Retention;
  private readonly store: Store;
  private readonly ages: AgeClock;
  private opened: OpenStore | null = null;
  private reason: string | null = 'not opened yet';
  private downSince: number | null = null;
  private hasOpenedOnce = false;
  private probeBytes = MIN_PROBE_BYTES;
  private queue: Call[] = [];
  private isTickDue = false;
  /** Image bytes written since the disk was last measured. */
  private unmeasuredBytes = 0;
  private work: Promise<void> | null = null;
  private state: Omit<StoreState, 'writable' | 'reason'> = {
    lastLedgerSeq: 0,
    bytes: { db: 0, wal: 0, images: 0 },
    diskFreeBytes: 0,
    outbox: { items: 0, oldestAt: null },
  };

  constructor(options: WriterOptions, ports: WriterPorts) {
    this.options = options;
    this.ports = ports;
    const onEvent = (event: LedgerEvent) => this.report(event);
    this.retention = new Retention(options.retention, ports.files, onEvent);
    const clock = new ClockFile(options.path);
    this.ages = new AgeClock({
      onJump: (forwardMs) => this.report({ kind: 'clock_jumped', forwardMs }),
      kept: clock.read(),
      keep: (jump) => clock.keep(jump),
    });
    this.store = new Store({ ...options, files: ports.files, retention: this.retention, onEvent });
  }

  /** The first try. False where the store is refused for good; one that merely cannot be written now is tried again. */
  async start(): Promise<boolean> {
    try {
      await this.open();
    } catch (error) {
      if (error instanceof StoreRefusedError) {
        this.store.release();
        this.ports.post([{ kind: 'refused', message: error.message }], []);
        return false;
      }
      this.fail(error);
    }
    return true;
  }

  handle(calls: readonly Call[]): void {
    for (const call of calls) this.queue.push(call);
    this.wake();
  }

  /** About once a second: tries to recover, measures, lets retention look. */
  tick(): void {
    this.isTickDue = true;
    this.wake();
  }

  /** Commits what is queued and closes the store. */
  async stop(): Promise<void> {
    while (this.work !== null) await this.work;
    await this.guarded(async () => this.opened !== null && truncateWal(this.opened.database));
    if (this.opened !== null) this.store.close(this.opened);
    this.opened = null;
    this.store.release();
  }

  private wake(): void {
    this.work ??= this.run().finally(() => {
      this.work = null;
      if (this.queue.length > 0 || this.isTickDue) this.wake();
    });
  }

  private async run(): Promise<void> {
    // Everything that this turn of the loop brings belongs to the first group.
    await new Promise((resolve) => setImmediate(resolve));
    let isOverLimit = false;
    while (this.queue.length > 0 || this.isTickDue || isOverLimit) {
      if (this.queue.length > 0) await this.settle(this.queue.splice(0, MAX_GROUP));
      if (this.isTickDue) {
        this.isTickDue = false;
        isOverLimit = await this.guarded(() => this.maintain());
      }
      if (isOverLimit) isOverLimit = await this.guarded(() => this.removeSlice());
    }
  }

  private async settle(calls: readonly Call[]): Promise<void> {
    if (this.opened === null) return this.refuse(calls);
    const { tables } = this.opened;
    const started = performance.now();
    const now = this.ports.now();
    let unsettled: readonly ImageFile[] = [];
    let files: readonly ImageFile[] = [];
    try {
      const isNew = firstOfGroup(tables);
      const jobs = calls.map((call) => jobOf(call, this.ageNow(), isNew));
      files = jobs.flatMap(fileOf);
      unsettled = files;
      await this.ports.files.write(files);
      const ends = tables.commit(jobs, now);
      unsettled = [];
      this.store.checkPlace(this.opened);
      await this.ports.files.remove(filesWithoutRow(jobs, ends)).catch(() => undefined);
      this.unmeasuredBytes += sizeOf(files);
      // Fast cameras fill a small disk between two ticks.
      if (this.unmeasuredBytes > this.state.diskFreeBytes / 8) this.isTickDue = true;
      const events = eventsOf(ends, files, performance.now() - started);
      const replies = calls.map((call, index) => replyOf(call, ends[index]));
      this.ports.post([this.stateNotice(), ...events.map((event) => ({ kind: 'event', event }) as const)], replies);
    } catch (error) {
      this.probeBytes = Math.min(MAX_PROBE_BYTES, MIN_PROBE_BYTES + sizeOf(files));
      this.fail(error, unsettled);
      this.refuse(calls);
    }
  }

  private refuse(calls: readonly Call[]): void {
    const detail = this.reason ?? 'the store is closed';
    this.ports.post(
      [],
      calls.map((call) => unavailable(call, detail)),
    );
  }

  /** True where retention should look. */
  private async maintain(): Promise<boolean> {
    if (this.opened === null) {
      await this.open();
      return true;
    }
    // A disk that turned read-only shows before the next frame comes.
    await access(join(this.options.path, 'images'), constants.W_OK | constants.X_OK);
    this.store.checkPlace(this.opened);
    await this.store.keepBallast();
    this.measure();
    const { wal } = this.state.bytes;
    if (wal > MAX_WAL_BYTES && truncateWal(this.opened.database)) this.report({ kind: 'wal_truncated', bytes: wal });
    this.ports.post([this.stateNotice()], []);
    return true;
  }

  private ageNow(): number {
    return this.ages.read(this.ports.now(), performance.now());
  }

  /** True where there may be more to remove. */
  private async removeSlice(): Promise<boolean> {
    if (this.opened === null) return false;
    const { diskFreeBytes } = this.state;
    const taken = await this.retention.slice(this.opened.tables, diskFreeBytes, this.ageNow());
    // Counts as free until the next measurement: btrfs and ZFS give room back only seconds later, and every image would go meanwhile.
    this.state = { ...this.state, diskFreeBytes: diskFreeBytes + taken };
    return taken > 0;
  }

  private async guarded(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  private async open(): Promise<void> {
    const opened = await this.store.open(this.probeBytes, this.ageNow());
    this.opened = opened;
    this.reason = null;
    this.probeBytes = MIN_PROBE_BYTES;
    this.measure();
    const notices: WriterNotice[] = [this.stateNotice()];
    if (!this.hasOpenedOnce) {
      const { schemaBefore, tables } = opened;
      const { lastLedgerSeq } = tables;
      notices.push({ kind: 'event', event: { kind: 'opened', schemaBefore, schema: SCHEMA_VERSION, lastLedgerSeq } });
    }
    if (this.downSince !== null) {
      notices.push({ kind: 'event', event: { kind: 'available', downMs: performance.now() - this.downSince } });
    }
    this.hasOpenedOnce = true;
    this.downSince = null;
    this.ports.post(notices, []);
  }

  private fail(error: unknown, unsettled: readonly ImageFile[] = []): void {
    this.reason = describe(error);
    // After a failed fsync SQLite's handle cannot be believed: the next try opens anew and reads the head again.
    if (this.opened !== null) {
      const paths = unsettled.map((file) => file.path);
      this.store.close(this.opened, paths);
    }
    this.opened = null;
    this.measure();
    const notices: WriterNotice[] = [this.stateNotice()];
    if (this.downSince === null) {
      this.downSince = performance.now();
      notices.push({ kind: 'event', event: { kind: 'unavailable', reason: this.reason } });
    }
    this.ports.post(notices, []);
  }

  private measure(): void {
    this.unmeasuredBytes = 0;
    const bytes = { ...this.store.fileBytes(), images: this.state.bytes.images };
    this.state = { ...this.state, bytes, diskFreeBytes: this.ports.files.freeBytes() };
  }

  private stateNotice(): WriterNotice {
    const tables = this.opened?.tables;
    if (tables !== undefined) {
      const bytes = { ...this.state.bytes, images: tables.imageBytes };
      this.state = { ...this.state, bytes, lastLedgerSeq: tables.lastLedgerSeq, outbox: tables.outbox() };
    }
    return { kind: 'state', state: { ...this.state, writable: tables !== undefined, reason: this.reason } };
  }

  private report(event: LedgerEvent): void {
    this.ports.post([{ kind: 'event', event }], []);
  }
}

/**
 * Tells for each decision of one group whether its row can be new. Only then may its image be written: a file under a
 * result id that stands already belongs to that row.
 */
function firstOfGroup(tables: LedgerTables): (decision: Decision) => boolean {
  const seen = new Set<string>();
  return ({ cameraId, frameId, resultId }) => {
    const frame = `${cameraId}/${frameId}`;
    const isKnown =
      seen.has(frame) || seen.has(resultId) || tables.isRecorded(cameraId, frameId) || tables.hasResult(resultId);
    seen.add(frame).add(resultId);
    return !isKnown;
  };
}

function eventsOf(ends: readonly JobEnd[], files: readonly ImageFile[], ms: number): readonly LedgerEvent[] {
  const rows = ends.filter((end) => end.kind === 'record' && end.outcome.kind === 'recorded').length;
  const items = ends.reduce((sum, end) => sum + (end.kind === 'outboxDrop' ? end.items : 0), 0);
  return [
    ...(rows === 0 ? [] : [{ kind: 'committed', rows, images: files.length, imageBytes: sizeOf(files), ms } as const]),
    ...(items === 0 ? [] : [{ kind: 'outbox_dropped', items } as const]),
  ];
}

function sizeOf(files: readonly ImageFile[]): number {
  return files.reduce((sum, file) => sum + file.bytes.byteLength, 0);
}

function describe(error: unknown): string {
  const code = sqliteCode(error);
  const message = messageOf(error);
  return code === null ? message : `ledger.db: ${message} (${code})`;
}
