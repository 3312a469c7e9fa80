/** A store opened from outside: beside a running service, as a copy, or on read-only media. */

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedResult } from '../frame/verdict.ts';
import type { ChainProof, ResultsPage, ResultsQuery, Review, Total } from './contract.ts';
import { databasePath, openForReading, sqliteCode, type Database } from './database.ts';
import { type Fate, imageFate } from './image-fate.ts';
import { lastWords, type LastWord } from './judged.ts';
import { Reader } from './reader.ts';
import { Search } from './search.ts';

export class StoreReader {
  /** @internal For this folder. */
  readonly database: Database;
  private readonly reader: Reader;
  private readonly finder: Search;
  private readonly fate: (ledgerSeq: number) => Fate;
  private readonly copy: string | null;

  /**
   * @param path the store folder
   * @throws StoreRefusedError where there is no ledger that this program can read
   */
  constructor(path: string) {
    const { database, copy } = openOrCopy(path);
    this.database = database;
    this.copy = copy;
    this.reader = new Reader(database);
    this.finder = new Search(database);
    this.fate = imageFate(database);
  }

  /** Newest first. */
  query(query: ResultsQuery): readonly RecordedResult[] {
    return this.reader.query(query);
  }

  /** Newest first; a page may be short and still go on. */
  search(query: ResultsQuery): ResultsPage {
    return this.finder.page(query);
  }

  get(resultId: string): RecordedResult | null {
    return this.reader.get(resultId);
  }

  /** Frames of this id, of every camera that sent one. */
  byFrame(frameId: string): readonly RecordedResult[] {
    return this.reader.byFrame(frameId);
  }

  chainProof(resultId: string): ChainProof | null {
    return this.finder.chainProof(resultId);
  }

  /** Oldest first. */
  reviewsOf(resultId: string): readonly Review[] {
    return this.finder.reviewsOf(resultId);
  }

  fateOf(ledgerSeq: number): Fate {
    return this.fate(ledgerSeq);
  }

  /** What people judged good or defective, in the order of the ledger. */
  lastWords(): Generator<LastWord> {
    return lastWords(this.database);
  }

  totals(): readonly Total[] {
    return this.reader.totals();
  }

  lastLedgerSeq(): number {
    return this.reader.lastLedgerSeq();
  }

  close(): void {
    this.database.close();
    if (this.copy !== null) rmSync(this.copy, { recursive: true, force: true });
  }
}

/** SQLite reads a WAL ledger only where it can put its index beside it; on read-only media a copy is read instead. */
function openOrCopy(path: string): { database: Database; copy: string | null } {
  try {
    return { database: openForReading(databasePath(path)), copy: null };
  } catch (error) {
    const code = sqliteCode(error);
    if (code === null || !(code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY'))) throw error;
  }
  const copy = mkdtempSync(join(tmpdir(), 'loupe-copy-'));
  try {
    for (const suffix of ['', '-wal']) {
      const from = databasePath(path) + suffix;
      if (existsSync(from)) copyFileSync(from, databasePath(copy) + suffix);
    }
    return { database: openForReading(databasePath(copy)), copy };
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    throw error;
  }
}
