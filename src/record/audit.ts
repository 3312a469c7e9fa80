/** The audit log: rows that are only ever added, each hashed with the one before. */

import type { AuditEntry, AuditRow } from '../frame/people.ts';
import { GENESIS_HASH, linkHash } from './chain.ts';
import type { Database } from './database.ts';
import type { AuditReport, Findings } from './findings.ts';
import { storable } from './rows.ts';

const COLUMNS = `seq, at, actor_kind AS actorKind, actor, role, peer AS "from", act, about, outcome, detail, chain_hash AS chainHash`;
const MAX_PAGE = 1000;
const VERIFY_PAGE = 500;

/**
 * SHA-256 of the hash before and of seq, at, kind of actor, actor, role, address, act, about, outcome and detail, in this order,
 * as `linkHash` joins them.
 */
function hashOf(
  previousHash: string,
  { seq, at, actorKind, actor, role, from, act, about, outcome, detail }: Unhashed,
) {
  return linkHash(previousHash, [seq, at, actorKind, actor, role, from, act, about, outcome, detail]);
}

type Unhashed = Omit<AuditRow, 'chainHash'>;

/** Adds rows, inside the transaction of the caller. */
export class AuditTable {
  private readonly last;
  private readonly insert;

  constructor(database: Database) {
    this.last = database.prepare<[], AuditRow>(`SELECT ${COLUMNS} FROM audit ORDER BY seq DESC LIMIT 1`);
    this.insert = database.prepare<[AuditRow]>(
      `INSERT INTO audit VALUES
         (@seq, @at, @actorKind, @actor, @role, @from, @act, @about, @outcome, @detail, @chainHash)`,
    );
  }

  add(entry: AuditEntry): void {
    const before = this.last.get();
    const row: Unhashed = {
      ...entry,
      seq: (before?.seq ?? 0) + 1,
      at: Math.trunc(entry.at),
      actor: storable(entry.actor),
      about: storable(entry.about),
      detail: storable(entry.detail),
    };
    this.insert.run({ ...row, chainHash: hashOf(before?.chainHash ?? GENESIS_HASH, row) });
  }
}

/** Newest first, rows before `before`. */
export function auditPage(database: Database, before: number | null, limit: number): readonly AuditRow[] {
  return database
    .prepare<[number, number], AuditRow>(`SELECT ${COLUMNS} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?`)
    .all(before ?? Number.MAX_SAFE_INTEGER, Math.min(limit, MAX_PAGE));
}

export function verifyAudit(database: Database, findings: Findings): AuditReport {
  const page = database.prepare<[number], AuditRow>(
    `SELECT ${COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ${VERIFY_PAGE}`,
  );
  let before = { seq: 0, chainHash: GENESIS_HASH };
  let rows = 0;
  for (;;) {
    const found = page.all(before.seq);
    if (found.length === 0) return { rows, chainHash: before.chainHash };
    for (const row of found) {
      const { seq } = row;
      if (seq !== before.seq + 1) findings.add('audit_broken', null, `audit: after row ${before.seq} comes ${seq}`);
      const expected = hashOf(before.chainHash, row);
      if (expected !== row.chainHash) {
        findings.add('audit_broken', null, `audit row ${seq}: expected hash ${expected}, it has ${row.chainHash}`);
      }
      before = row;
      rows += 1;
    }
  }
}
