/** The SQL of accounts and sessions. */

import type { Account, PeopleChange, StoredPeople, StoredSession } from '../frame/people.ts';
import { AuditTable } from './audit.ts';
import type { Database } from './database.ts';

type AccountRow = Omit<Account, 'isDisabled'> & { readonly isDisabled: number };

/** Writes, inside the transaction of the caller. */
export class PeopleTables {
  readonly audit: AuditTable;
  private readonly put;
  private readonly startSession;
  private readonly endSession;

  constructor(database: Database) {
    this.audit = new AuditTable(database);
    this.put = database.prepare<[AccountRow]>(
      `INSERT INTO accounts VALUES
         (@userId, @name, @role, @passwordHash, @isDisabled, @createdAt, @createdBy, @changedAt, @changedBy)
       ON CONFLICT (user_id) DO UPDATE SET name = @name, role = @role, password_hash = @passwordHash,
         is_disabled = @isDisabled, changed_at = @changedAt, changed_by = @changedBy`,
    );
    this.startSession = database.prepare<[StoredSession]>(
      'INSERT INTO sessions VALUES (@tokenHash, @userId, @startedAt)',
    );
    this.endSession = database.prepare<[string]>('DELETE FROM sessions WHERE token_hash = ?');
  }

  apply({ putAccount, startSession, endSessions = [], entry }: PeopleChange): void {
    if (putAccount !== undefined) this.put.run({ ...putAccount, isDisabled: putAccount.isDisabled ? 1 : 0 });
    for (const tokenHash of endSessions) this.endSession.run(tokenHash);
    if (startSession !== undefined) this.startSession.run(startSession);
    if (entry !== undefined) this.audit.add(entry);
  }
}

export function readPeople(database: Database): StoredPeople {
  const accounts = database
    .prepare<[], AccountRow>(
      `SELECT user_id AS userId, name, role, password_hash AS passwordHash, is_disabled AS isDisabled,
         created_at AS createdAt, created_by AS createdBy, changed_at AS changedAt, changed_by AS changedBy
       FROM accounts ORDER BY name`,
    )
    .all()
    .map((row) => ({ ...row, isDisabled: row.isDisabled === 1 }));
  const sessions = database
    .prepare<[], StoredSession>(
      'SELECT token_hash AS tokenHash, user_id AS userId, started_at AS startedAt FROM sessions',
    )
    .all();
  return { accounts, sessions };
}
