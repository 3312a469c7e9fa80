/**
 * Proves a store: nothing missing, nothing changed, every image where its row says.
 *
 * Rows up to the last one at the start are read in pages; they never change, so no long read transaction has to hold the
 * WAL of a running service. What does change (removals, counters, outbox) is read in one short transaction or asked again.
 */

import { join } from 'node:path';
import { isUnfamiliar } from '../frame/score.ts';
import { verifyAudit } from './audit.ts';
import { CHAIN_VERSION, chainHash, columnsOf, GENESIS_HASH } from './chain.ts';
import { sqliteCode, type Database } from './database.ts';
import { type AuditReport, Findings, type Finding, type VerifyReport } from './findings.ts';
import { type Fate, imageFate } from './image-fate.ts';
import type { Row } from './row.ts';
import { SELECT_RESULT } from './sql.ts';
import { StoreReader } from './store-reader.ts';
import { checkImage, findOrphans, type ImageToCheck } from './verify-images.ts';

const PAGE_ROWS = 500;
const IMAGES_AT_ONCE = 8;

export interface VerifyProgress {
  readonly rows: number;
  readonly ofRows: number;
}

/**
 * Checks the store at `path` without changing it, beside a running service or on a copy.
 * @throws StoreRefusedError where there is no ledger that can be read
 */
export async function verifyStore(
  path: string,
  onProgress: (progress: VerifyProgress) => void = () => undefined,
): Promise<VerifyReport> {
  const reader = new StoreReader(path);
  try {
    return await new Verification(reader.database, join(path, 'images')).run(onProgress);
  } finally {
    reader.close();
  }
}

interface Snapshot {
  readonly lastLedgerSeq: number;
  readonly counters: ReadonlyMap<string, number>;
  /** What Quality shows, by camera and verdict. */
  readonly tallies: ReadonlyMap<string, number>;
}

class Verification {
  private readonly database: Database;
  private readonly imagesRoot: string;
  private readonly findings = new Findings();
  private readonly fate: (ledgerSeq: number) => Fate;
  private readonly counted = new Map<string, number>();
  private readonly verdicts: Record<string, number> = {};
  private readonly images = { checked: 0, bytes: 0, removed: 0 };
  private before = { seq: 0, hash: GENESIS_HASH };
  private rows = 0;

  constructor(database: Database, imagesRoot: string) {
    this.database = database;
    this.imagesRoot = imagesRoot;
    this.fate = imageFate(database);
  }

  async run(onProgress: (progress: VerifyProgress) => void): Promise<VerifyReport> {
    checkDatabase(this.database, this.findings);
    const { lastLedgerSeq, counters, tallies } = this.database.transaction(() => takeSnapshot(this.database))();
    try {
      await this.checkRows(lastLedgerSeq, onProgress);
    } catch (error) {
      if (sqliteCode(error) === null) throw error;
      this.findings.add('database_damaged', this.before.seq + 1, `rows from here on cannot be read: ${String(error)}`);
    }
    compareCounters('counter', counters, this.counted, this.findings);
    compareCounters('tally', tallies, counters, this.findings);
    const audit = this.checkAudit();
    const knows = this.database.prepare<[string], number>('SELECT 1 FROM results WHERE result_id = ?').pluck();
    const left = await findOrphans(this.imagesRoot, (resultId) => knows.get(resultId) !== undefined);
    return {
      ok: this.findings.count === 0,
      rows: this.rows,
      lastLedgerSeq,
      chainHash: this.before.hash,
      verdicts: this.verdicts,
      images: { ...this.images, ...left },
      audit,
      outbox: this.database.prepare<[], number>('SELECT count(*) FROM outbox').pluck().get() ?? 0,
      findings: this.findings.first,
      problems: this.findings.count,
    };
  }

  private checkAudit(): AuditReport {
    try {
      return verifyAudit(this.database, this.findings);
    } catch (error) {
      if (sqliteCode(error) === null) throw error;
      this.findings.add('database_damaged', null, `the audit log cannot be read: ${String(error)}`);
      return { rows: 0, chainHash: '' };
    }
  }

  private async checkRows(last: number, onProgress: (progress: VerifyProgress) => void): Promise<void> {
    const page = this.database.prepare<[number, number], Row>(
      `${SELECT_RESULT} WHERE ledger_seq > ? AND ledger_seq <= ? ORDER BY ledger_seq LIMIT ${PAGE_ROWS}`,
    );
    for (;;) {
      const rows = page.all(this.before.seq, last);
      if (rows.length === 0) return;
      const images = rows.flatMap((row) => this.takeRow(row));
      for (let start = 0; start < images.length; start += IMAGES_AT_ONCE) {
        const some = images.slice(start, start + IMAGES_AT_ONCE);
        const findings = await Promise.all(some.map((image) => this.checkImage(image)));
        for (const { kind, ledgerSeq, detail } of findings.flat()) this.findings.add(kind, ledgerSeq, detail);
      }
      onProgress({ rows: this.rows, ofRows: last });
    }
  }

  /** Checks the row itself; gives the image that should be there. */
  private takeRow(row: Row): readonly ImageToCheck[] {
    checkRow(row, this.before, this.findings);
    this.before = { seq: row.ledger_seq, hash: row.chain_hash };
    this.rows += 1;
    const key = counterKey(row.camera_id, row.verdict);
    this.counted.set(key, (this.counted.get(key) ?? 0) + 1);
    this.verdicts[row.verdict] = (this.verdicts[row.verdict] ?? 0) + 1;
    const fate = this.fate(row.ledger_seq);
    if (row.image_path === null) {
      if (fate !== 'unknown') this.unaccounted(row, `the row keeps no image, but one is noted as ${fate}`);
      return [];
    }
    if (fate === 'removed') {
      this.images.removed += 1;
      return [];
    }
    if (fate !== 'stored') this.unaccounted(row, `expected the image as stored or removed, it is ${fate}`);
    return [{ ledgerSeq: row.ledger_seq, path: row.image_path, bytes: row.image_bytes, sha256: row.image_sha256 }];
  }

  private async checkImage(image: ImageToCheck): Promise<readonly Finding[]> {
    this.images.checked += 1;
    this.images.bytes += image.bytes;
    const fault = await checkImage(this.imagesRoot, image);
    // Retention of a running service may have taken it since the page was read.
    if (fault === null || this.fate(image.ledgerSeq) === 'removed') return [];
    return [{ ...fault, ledgerSeq: image.ledgerSeq }];
  }

  private unaccounted(row: Row, detail: string): void {
    this.findings.add('image_unaccounted', row.ledger_seq, detail);
  }
}

const counterKey = (cameraId: string, verdict: string) => `${cameraId} ${verdict}`;

function takeSnapshot(database: Database): Snapshot {
  const lastLedgerSeq = database.prepare<[], number>('SELECT max(ledger_seq) FROM results').pluck().get() ?? 0;
  const counts = (sql: string) =>
    new Map(
      database
        .prepare<[], { camera_id: string; verdict: string; row_count: number }>(sql)
        .all()
        .map((row) => [counterKey(row.camera_id, row.verdict), row.row_count] as const),
    );
  return {
    lastLedgerSeq,
    counters: counts('SELECT * FROM counters'),
    tallies: counts(
      `SELECT camera_id, verdict, sum(row_count) AS row_count FROM outcome_counts JOIN series USING (series_id)
       GROUP BY camera_id, verdict`,
    ),
  };
}

function checkDatabase(database: Database, findings: Findings): void {
  const integrity = database.pragma('integrity_check(20)') as readonly { readonly integrity_check: string }[];
  for (const { integrity_check: line } of integrity) if (line !== 'ok') findings.add('database_damaged', null, line);
  const broken = database.pragma('foreign_key_check') as readonly { readonly table: string; readonly rowid: number }[];
  for (const { table, rowid } of broken) {
    const kind = table === 'outbox' ? 'outbox_without_row' : 'image_unaccounted';
    findings.add(kind, null, `${table} ${rowid} refers to a row that is not there`);
  }
}

function checkRow(row: Row, before: { seq: number; hash: string }, findings: Findings): void {
  const seq = row.ledger_seq;
  if (seq !== before.seq + 1) findings.add('gap', before.seq + 1, `expected row ${before.seq + 1}, the next is ${seq}`);
  if (columnsOf(row.chain_version).length === 0) {
    findings.add('chain_broken', seq, `expected chain version 1 to ${CHAIN_VERSION}, row has ${row.chain_version}`);
  } else {
    const expected = chainHash(before.hash, row);
    if (expected !== row.chain_hash)
      findings.add('chain_broken', seq, `expected hash ${expected}, row has ${row.chain_hash}`);
  }
  if ((row.roi === null) !== (row.contract_sha256 === null) || (row.chain_version < 2 && row.roi !== null)) {
    findings.add(
      'row_contradicts',
      seq,
      `chain version ${row.chain_version} with roi ${row.roi}, contract ${row.contract_sha256}`,
    );
  }
  if (row.model_variant !== null && (row.chain_version < 3 || row.model_name === null)) {
    const detail = `chain version ${row.chain_version} with model ${row.model_name}, variant ${row.model_variant}`;
    findings.add('row_contradicts', seq, detail);
  }
  if (row.unfamiliarity !== null && (row.chain_version < 4 || row.defect_probability === null)) {
    const detail = `chain version ${row.chain_version} with probability ${row.defect_probability}, unfamiliarity ${row.unfamiliarity}`;
    findings.add('row_contradicts', seq, detail);
  }
  if (row.verdict === 'PASS' && isUnfamiliar(row)) {
    findings.add('row_contradicts', seq, `verdict PASS with unfamiliarity ${row.unfamiliarity}`);
  }
  if ((row.verdict === 'UNINSPECTED') !== (row.reason !== null)) {
    findings.add('row_contradicts', seq, `verdict ${row.verdict} with reason ${String(row.reason)}`);
  }
  if (row.verdict !== 'PASS' && row.disposition === 'accept') {
    findings.add('row_contradicts', seq, `verdict ${row.verdict} with disposition accept`);
  }
}

function compareCounters(
  what: 'counter' | 'tally',
  counters: ReadonlyMap<string, number>,
  counted: ReadonlyMap<string, number>,
  findings: Findings,
): void {
  for (const key of new Set([...counters.keys(), ...counted.keys()])) {
    const expected = counted.get(key) ?? 0;
    const noted = counters.get(key) ?? 0;
    if (expected !== noted) findings.add('counter_wrong', null, `${key}: ${expected} rows, the ${what} says ${noted}`);
  }
}
