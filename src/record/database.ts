/** The one importer of better-sqlite3: opening a store's files, migrating them, and telling its errors apart. */

import type SqliteDatabase from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { MIGRATIONS, SCHEMA_VERSION } from './migrations/index.ts';

export type Database = SqliteDatabase.Database;
export type Statement<Parameters extends unknown[], Row = unknown> = SqliteDatabase.Statement<Parameters, Row>;

export type Durability = 'full' | 'normal';

/**
 * Version 13 crashes on Node 20, version 12 on Node 24.19 and newer (docs/decisions/0060), so both are dependencies, and optional
 * ones: npm leaves out what this Node cannot have.
 */
export const SQLITE_PACKAGE =
  Number.parseInt(process.versions.node, 10) < 22 ? 'better-sqlite3-node20' : 'better-sqlite3';

const require = createRequire(import.meta.url);

function sqlite(): typeof SqliteDatabase {
  try {
    return require(SQLITE_PACKAGE) as typeof SqliteDatabase;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new StoreRefusedError(
      `${SQLITE_PACKAGE} is not installed, without which Node ${process.versions.node} has no SQLite; \`npm ci\` with it installs it`,
      { cause: error },
    );
  }
}

const openFile = (path: string, options?: SqliteDatabase.Options) => new (sqlite())(path, options);

/** What the binding was built with. @throws where it is not installed or does not load in this Node */
export function sqliteVersion(): string {
  const database = openFile(':memory:');
  try {
    return database.prepare<[], string>('select sqlite_version()').pluck().get() ?? '';
  } finally {
    database.close();
  }
}

/** 'LOUP': marks the file as a ledger of this program. */
const APPLICATION_ID = 0x4c4f5550;
const BUSY_TIMEOUT_MS = 5000;
const LOCK_TIMEOUT_MS = 2000;
const CHECKPOINT_TIMEOUT_MS = 100;
/** What a checkpointed WAL file may keep on disk. */
export const MAX_WAL_BYTES = 64 * 1024 * 1024;

export const databasePath = (store: string) => join(store, 'ledger.db');

/** A store that no waiting will open: another process has it, it is not ours, newer than ours, or damaged; or there is no SQLite. */
export class StoreRefusedError extends Error {
  override readonly name = 'StoreRefusedError';
}

/** The SQLite result code of `error` (`SQLITE_FULL` …), or null where it is none of SQLite's. */
export function sqliteCode(error: unknown): string | null {
  return error instanceof Error && error.name === 'SqliteError' && 'code' in error ? String(error.code) : null;
}

/** True where the fault is in the values of one statement, and the transaction around it still stands. */
export function isFaultOfOneRow(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code !== null)
    return code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_MISMATCH' || code === 'SQLITE_TOOBIG';
  return error instanceof TypeError || error instanceof RangeError;
}

function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== null && (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB');
}

const pragmaNumber = (database: Database, name: string) => Number(database.pragma(name, { simple: true }));

export interface OpenedLedger {
  readonly database: Database;
  /** Schema before the migrations; 0 for a ledger that was created just now. */
  readonly schemaBefore: number;
}

/**
 * Opens `<store>/ledger.db` for writing, creates or migrates it.
 * @throws StoreRefusedError where it is newer than this program, foreign or damaged; SQLite's own error otherwise
 */
export function openForWriting(store: string, durability: Durability): OpenedLedger {
  const path = databasePath(store);
  const database = openFile(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // better-sqlite3 is built with NORMAL as the default in WAL mode, which loses the last commits in a power cut.
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
    database.pragma(`journal_size_limit = ${MAX_WAL_BYTES}`);
    database.pragma('foreign_keys = ON');
    const mode = String(database.pragma('journal_mode', { simple: true }));
    if (mode !== 'wal') throw new Error(`ledger.db: expected journal mode wal, SQLite gave ${mode}`);
    return { database, schemaBefore: migrate(database, path) };
  } catch (error) {
    database.close();
    if (isDamage(error)) {
      throw new StoreRefusedError(
        `${path} is damaged or no SQLite file (${String(error)}); restore a copy or move it away`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

/** Empties the WAL file. False where a reader held it for longer than a moment: then later. */
export function truncateWal(database: Database): boolean {
  // A reader from outside (verify of a large store) must not hold the line up.
  database.pragma(`busy_timeout = ${CHECKPOINT_TIMEOUT_MS}`);
  try {
    const [end] = database.pragma('wal_checkpoint(TRUNCATE)') as readonly { readonly busy: number }[];
    return end?.busy === 0;
  } finally {
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

function checkSchema(database: Database, path: string): number {
  const version = pragmaNumber(database, 'user_version');
  if (version > SCHEMA_VERSION) {
    throw new StoreRefusedError(
      `${path} has schema ${version}, this program knows up to ${SCHEMA_VERSION}; it was written by a newer Loupe: use that one`,
    );
  }
  const tables = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
  const isOurs = version === 0 ? tables === 0 : pragmaNumber(database, 'application_id') === APPLICATION_ID;
  if (!isOurs) throw new StoreRefusedError(`${path} is a SQLite file of another program; expected a Loupe ledger`);
  return version;
}

function migrate(database: Database, path: string): number {
  const before = checkSchema(database, path);
  const apply = database.transaction((version: number, sql: string) => {
    database.exec(sql);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma(`user_version = ${version}`);
  });
  for (const { version, sql } of MIGRATIONS) if (version > before) apply.immediate(version, sql);
  return before;
}

const readOnly = (path: string) => openFile(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });

/**
 * Schema of the ledger in `store`; 0: there is none yet.
 * @throws StoreRefusedError where this program cannot take it; SQLite's own error otherwise
 */
export function schemaOf(store: string): number {
  const path = databasePath(store);
  if (!existsSync(path)) return 0;
  const database = readOnly(path);
  try {
    return checkSchema(database, path);
  } finally {
    database.close();
  }
}

/**
 * Opens the ledger file at `path` read-only, beside a running writer or alone.
 * @throws StoreRefusedError where it is no ledger that this program can read
 */
export function openForReading(path: string): Database {
  if (!existsSync(path))
    throw new StoreRefusedError(`${path} does not exist; expected a store folder with a ledger.db`);
  const database = readOnly(path);
  try {
    if (checkSchema(database, path) < SCHEMA_VERSION) {
      throw new StoreRefusedError(
        `${path} has an older schema than ${SCHEMA_VERSION}; start the service once to migrate it`,
      );
    }
    return database;
  } catch (error) {
    database.close();
    if (isDamage(error)) throw new StoreRefusedError(`${path} is damaged or no SQLite file`, { cause: error });
    throw error;
  }
}

/**
 * Takes the store for this process. SQLite's file lock on a file of its own: the kernel drops it with the process, so
 * nothing is ever stale, and readers of ledger.db never meet it.
 * @throws StoreRefusedError where another process has it
 */
export function lockStore(store: string): { release(): void } {
  const lock = openFile(join(store, 'lock.db'), { timeout: LOCK_TIMEOUT_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY') === true) {
      throw new StoreRefusedError(`the store ${store} is in use by another process; one service per store`, {
        cause: error,
      });
    }
    throw error;
  }
  return { release: () => void lock.close() };
}
