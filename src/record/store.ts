/** The open store: lock, database, and the repairs between opening and the first frame. */

import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Ballast } from './ballast.ts';
import type { LedgerEvent } from './contract.ts';
import { databasePath, lockStore, openForWriting, type Database, type Durability } from './database.ts';
import { resultIdOf } from './image-path.ts';
import { syncFolder, type ImageFiles } from './image-store.ts';
import { type ChainEnd, LedgerTables } from './ledger-tables.ts';
import { sweepOrphans } from './orphans.ts';
import type { Retention } from './retention.ts';

export interface OpenStore {
  readonly database: Database;
  readonly tables: LedgerTables;
  /** Schema before the migrations; 0 for a new ledger. */
  readonly schemaBefore: number;
  /** The file that was opened, whatever its name leads to by now. */
  readonly fileId: string | null;
}

export interface StoreOptions {
  readonly path: string;
  readonly durability: Durability;
  readonly files: ImageFiles;
  readonly retention: Retention;
  readonly onEvent: (event: LedgerEvent) => void;
}

export class Store {
  private readonly options: StoreOptions;
  private readonly ballast: Ballast;
  private lock: { release(): void } | null = null;
  private isSwept = false;
  /** Where the ledger ended when it was closed last: what is opened after a fault must be that ledger. */
  private end: ChainEnd | null = null;
  /** Files of groups whose commit failed: their rows may stand or not. */
  private unsettled: string[] = [];

  constructor(options: StoreOptions) {
    this.options = options;
    this.ballast = new Ballast(options.path);
  }

  /**
   * Opens the store and proves it by a real, synced write of a file of `probeBytes` and of a row.
   * @throws StoreRefusedError where waiting will not help, the fault of disk or database where it may
   */
  async open(probeBytes: number, now: number): Promise<OpenStore> {
    const { path, durability, files, retention } = this.options;
    const ledger = databasePath(path);
    if (this.end === null) await mkdir(path, { recursive: true });
    else if (!existsSync(ledger)) {
      throw new Error(`${ledger} is gone; put the store back, or restart the service to begin a new one`);
    }
    this.lock ??= lockStore(path);
    const { database, schemaBefore } = openForWriting(path, durability);
    try {
      await syncFolder(path);
      const tables = new LedgerTables(database);
      if (this.end !== null && !tables.continues(this.end)) {
        const { ledgerSeq } = this.end;
        throw new Error(
          `${ledger} is not the ledger that was open: its row ${ledgerSeq} is another or missing; put the store back, or restart the service to go on with this one`,
        );
      }
      await this.relieve(tables, now);
      await files.probe(probeBytes);
      tables.probe(now);
      await retention.finish(tables);
      await this.settleFiles(tables, schemaBefore === 0);
      await this.keepBallast();
      return { database, tables, schemaBefore, fileId: fileIdAt(ledger) };
    } catch (error) {
      closeQuietly(database);
      throw error;
    }
  }

  /** Closes the database. @param unsettled files of a group whose commit failed half-way */
  close({ database, tables }: OpenStore, unsettled: readonly string[] = []): void {
    this.unsettled.push(...unsettled);
    this.end = tables.last;
    closeQuietly(database);
  }

  /**
   * What is committed to a file that nobody will find is lost.
   * @throws where the ledger's name leads to another file than the open one, or to none: deleted, moved, a disk gone
   */
  checkPlace({ fileId }: OpenStore): void {
    const ledger = databasePath(this.options.path);
    if (fileId !== null && fileIdAt(ledger) === fileId) return;
    // It lies beside the ledger that went away.
    this.release();
    throw new Error(`${ledger} was deleted, moved or replaced while it was open`);
  }

  release(): void {
    this.lock?.release();
    this.lock = null;
  }

  /** Puts back what a full disk made the store give up. */
  async keepBallast(): Promise<void> {
    await this.ballast.restore(this.options.files.freeBytes());
  }

  fileBytes(): { db: number; wal: number } {
    const ledger = databasePath(this.options.path);
    return { db: sizeAt(ledger), wal: sizeAt(`${ledger}-wal`) };
  }

  /** Makes room on a full disk, as far as SQLite can still write; the probe after it tells whether that was enough. */
  private async relieve(tables: LedgerTables, now: number): Promise<void> {
    const { files, retention } = this.options;
    try {
      if (retention.isPressed(tables, files.freeBytes())) await this.ballast.release();
      let free = files.freeBytes();
      // What was taken counts as free, as it does for the writer.
      for (let taken = 1; taken > 0; free += taken) taken = await retention.slice(tables, free, now);
    } catch {
      // What is wrong shows in the probe.
    }
  }

  private async settleFiles(tables: LedgerTables, isNew: boolean): Promise<void> {
    const { path, files, onEvent } = this.options;
    await files.remove(this.unsettled.filter((file) => !tables.hasResult(resultIdOf(basename(file)))));
    this.unsettled = [];
    if (this.isSwept) return;
    this.isSwept = true;
    // A new ledger beside images means that the old ledger was lost: its images are all that is left of it.
    if (isNew) return;
    const event = await sweepOrphans(join(path, 'images'), (resultId) => tables.hasResult(resultId));
    if (event !== null) onEvent(event);
  }
}

function closeQuietly(database: Database): void {
  try {
    database.close();
  } catch {
    // Nothing can be done about a handle that does not close; it is not used again.
  }
}

function fileIdAt(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function sizeAt(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
