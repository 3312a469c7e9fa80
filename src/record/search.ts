/** What people ask of the ledger: searches, the queue of reviews, the proof of one row. */

import type { RecordedResult } from '../frame/verdict.ts';
import { chainHash, GENESIS_HASH, hashedText } from './chain.ts';
import type { ChainLink, ChainProof, ResultsPage, ResultsQuery, Review, ReviewLabel } from './contract.ts';
import type { Database } from './database.ts';
import { MAX_QUERY_ROWS } from './reader.ts';
import type { Row } from './row.ts';
import { resultOf } from './rows.ts';
import { SELECT_RESULT, verdictIs } from './sql.ts';

/** Rows that one page looks at where no index answers; then it says how far it came. */
const MAX_SCAN = 20_000;

interface ReviewRow {
  readonly label: string;
  readonly defect_class: string | null;
  readonly comment: string | null;
  readonly reviewer: string;
  readonly reviewed_at: number;
}

export class Search {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** Newest first: by receipt where a time is asked for, else by place in the ledger. */
  page(query: ResultsQuery): ResultsPage {
    const limit = Math.min(query.limit, MAX_QUERY_ROWS);
    const isTimed = query.since !== undefined || query.until !== undefined;
    const conditions: [string, unknown][] = [
      ['camera_id = ?', query.cameraId],
      [verdictIs(query.verdict, query.cameraId), query.verdict],
      ['part_id = ?', query.partId],
      ['job_id = ?', query.jobId],
      ['model_name = ?', query.model],
      ['defect_probability >= ?', query.minProbability],
      ['defect_probability <= ?', query.maxProbability],
      ['received_at >= ?', query.since],
      ['received_at < ?', query.until],
    ];
    const given = conditions.filter(([, value]) => value !== undefined);
    const sql = given.map(([text]) => text);
    const values = given.map(([, value]) => value);
    const { before } = query;
    if (before !== undefined && isTimed) {
      sql.push('(received_at, ledger_seq) < ((SELECT received_at FROM results WHERE ledger_seq = ?), ?)');
      values.push(before, before);
    } else if (before !== undefined) {
      sql.push('ledger_seq < ?');
      values.push(before);
    }
    let floor = 0;
    if (needsScan(query)) {
      const end = this.scanEnd(query, isTimed);
      if (end !== null) {
        floor = end;
        sql.push(
          isTimed
            ? `(received_at, ledger_seq) >= ((SELECT received_at FROM results WHERE ledger_seq = ?), ?)`
            : 'ledger_seq >= ?',
        );
        values.push(...(isTimed ? [floor, floor] : [floor]));
      }
    }
    const where = sql.length === 0 ? '' : `WHERE ${sql.join(' AND ')}`;
    const order = isTimed ? 'received_at DESC, ledger_seq DESC' : 'ledger_seq DESC';
    const rows = this.database
      .prepare<unknown[], Row>(`${SELECT_RESULT} ${where} ORDER BY ${order} LIMIT ?`)
      .all(...values, limit)
      .map(resultOf);
    return { rows, next: nextOf(rows, limit, floor) };
  }

  unreviewed(before: number | null, limit: number): ResultsPage {
    const top = before ?? Number.MAX_SAFE_INTEGER;
    const floor = this.seqAt(
      `SELECT ledger_seq FROM results WHERE verdict IN ('FAIL', 'REVIEW') AND verdict <> 'PASS' AND ledger_seq < ?
       ORDER BY ledger_seq DESC LIMIT 1 OFFSET ${MAX_SCAN / 10}`,
      [top],
    );
    const rows = this.database
      .prepare<unknown[], Row>(
        `${SELECT_RESULT} WHERE verdict IN ('FAIL', 'REVIEW') AND verdict <> 'PASS' AND ledger_seq < ? AND ledger_seq >= ?
         AND coalesce((SELECT label FROM reviews WHERE reviews.ledger_seq = results.ledger_seq ORDER BY id DESC LIMIT 1),
                      'withdrawn') = 'withdrawn'
         ORDER BY ledger_seq DESC LIMIT ?`,
      )
      .all(top, floor ?? 0, Math.min(limit, MAX_QUERY_ROWS))
      .map(resultOf);
    return { rows, next: nextOf(rows, limit, floor ?? 0) };
  }

  reviewsOf(resultId: string): readonly Review[] {
    return this.database
      .prepare<[string], ReviewRow>(
        `SELECT label, defect_class, comment, reviewer, reviewed_at FROM reviews
         WHERE ledger_seq = (SELECT ledger_seq FROM results WHERE result_id = ?) ORDER BY id`,
      )
      .all(resultId)
      .map((row) => ({
        resultId,
        label: row.label as ReviewLabel,
        defectClass: row.defect_class,
        comment: row.comment,
        reviewer: row.reviewer,
        reviewedAt: row.reviewed_at,
      }));
  }

  chainLink(resultId: string): ChainLink | null {
    const row = this.database.prepare<[string], Row>(`${SELECT_RESULT} WHERE result_id = ?`).get(resultId);
    return row === undefined ? null : linkOf(row, this.hashAt(row.ledger_seq - 1));
  }

  chainProof(resultId: string): ChainProof | null {
    const row = this.database.prepare<[string], Row>(`${SELECT_RESULT} WHERE result_id = ?`).get(resultId);
    if (row === undefined) return null;
    const previousHash = this.hashAt(row.ledger_seq - 1);
    const after = this.database.prepare<[number], Row>(`${SELECT_RESULT} WHERE ledger_seq = ?`).get(row.ledger_seq + 1);
    return {
      ...linkOf(row, previousHash),
      hashedText: hashedText(previousHash, row),
      next: after === undefined ? null : { ...linkOf(after, row.chain_hash), ledgerSeq: after.ledger_seq },
    };
  }

  /** What the row after `ledgerSeq` is chained to. */
  private hashAt(ledgerSeq: number): string {
    const found = this.database
      .prepare<[number], string>('SELECT chain_hash FROM results WHERE ledger_seq = ?')
      .pluck()
      .get(ledgerSeq);
    return found ?? GENESIS_HASH;
  }

  /** Where a page that starts at the cursor has looked at MAX_SCAN rows; null where fewer are left. */
  private scanEnd({ before, since, until }: ResultsQuery, isTimed: boolean): number | null {
    if (!isTimed) {
      return this.seqAt(
        `SELECT ledger_seq FROM results WHERE ledger_seq < ? ORDER BY ledger_seq DESC LIMIT 1 OFFSET ${MAX_SCAN}`,
        [before ?? Number.MAX_SAFE_INTEGER],
      );
    }
    const from =
      before === undefined
        ? (until ?? Number.MAX_SAFE_INTEGER)
        : this.seqAt('SELECT received_at FROM results WHERE ledger_seq = ?', [before]);
    return this.seqAt(
      `SELECT ledger_seq FROM results WHERE received_at <= ? AND received_at >= ?
       ORDER BY received_at DESC, ledger_seq DESC LIMIT 1 OFFSET ${MAX_SCAN}`,
      [from ?? 0, since ?? 0],
    );
  }

  private seqAt(sql: string, values: readonly unknown[]): number | null {
    return (
      this.database
        .prepare<unknown[], number>(sql)
        .pluck()
        .get(...values) ?? null
    );
  }
}

function linkOf(row: Row, previousHash: string): ChainLink {
  return { previousHash, recordedHash: row.chain_hash, computedHash: chainHash(previousHash, row) };
}

/** True where no index gives the rows asked for in order. */
function needsScan({ partId, jobId, verdict, model, minProbability, maxProbability }: ResultsQuery): boolean {
  if (partId !== undefined || jobId !== undefined) return false;
  return verdict === 'PASS' || model !== undefined || minProbability !== undefined || maxProbability !== undefined;
}

function nextOf(rows: readonly RecordedResult[], limit: number, floor: number): number | null {
  const last = rows.at(-1);
  if (rows.length >= limit && last !== undefined) return last.ledgerSeq;
  return floor > 0 ? floor : null;
}
