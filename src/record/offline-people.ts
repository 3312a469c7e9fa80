/** The people of a store that no service has open, for the command line. */

import { existsSync } from 'node:fs';
import type { AuditRow, PeopleChange, StoredPeople } from '../frame/people.ts';
import { auditPage } from './audit.ts';
import { databasePath, lockStore, openForWriting, StoreRefusedError, type Database } from './database.ts';
import { PeopleTables, readPeople } from './people-tables.ts';
import { StoreReader } from './store-reader.ts';

/** Holds the store: no service starts on it until `close`. */
export class OfflinePeople {
  private readonly database: Database;
  private readonly lock: { release(): void };
  private readonly commit: (change: PeopleChange) => void;

  /** @throws StoreRefusedError where a service has it, or there is no ledger that this program can write */
  constructor(store: string) {
    if (!existsSync(databasePath(store))) {
      throw new StoreRefusedError(`${store} holds no ledger.db; expected the store of a service that has run`);
    }
    this.lock = lockStore(store);
    try {
      this.database = openForWriting(store, 'full').database;
    } catch (error) {
      this.lock.release();
      throw error;
    }
    const tables = new PeopleTables(this.database);
    this.commit = this.database.transaction((change: PeopleChange) => tables.apply(change));
  }

  async people(): Promise<StoredPeople> {
    return readPeople(this.database);
  }

  async changePeople(change: PeopleChange): Promise<boolean> {
    this.commit(change);
    return true;
  }

  close(): void {
    this.database.close();
    this.lock.release();
  }
}

/** What can be read beside a running service. @throws StoreRefusedError */
function readStore<T>(store: string, read: (database: Database) => T): T {
  const reader = new StoreReader(store);
  try {
    return read(reader.database);
  } finally {
    reader.close();
  }
}

export const readStoredPeople = (store: string): StoredPeople => readStore(store, readPeople);

export function readStoredAudit(store: string, before: number | null, limit: number): readonly AuditRow[] {
  return readStore(store, (database) => auditPage(database, before, limit));
}
