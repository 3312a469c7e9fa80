/** Pictures that nobody has to judge and that are worth it: those judged before, and those that passed. */

import type { RecordedResult } from '../frame/verdict.ts';
import type { Agreement, SamplesQuery } from './contract.ts';
import type { Database } from './database.ts';
import { removalRank } from './removal-order.ts';
import type { Row } from './row.ts';
import { resultOf } from './rows.ts';
import { SELECT_RESULT } from './sql.ts';

/** Rows that are looked at for one sample: so many may turn out unfit. */
const WINDOW = 200;
const PASSED_FOR_MS = 7 * 86_400_000;

/** Some results from a random place on; fewer than `limit` where there are no more. */
export function reviewSamples(database: Database, query: SamplesQuery): readonly RecordedResult[] {
  const found = query.kind === 'again' ? judgedOnce(database, query) : passed(database, query);
  const select = database.prepare<[number], Row>(`${SELECT_RESULT} WHERE ledger_seq = ?`);
  return found.slice(0, query.limit).flatMap((ledgerSeq) => {
    const row = select.get(ledgerSeq);
    return row === undefined ? [] : [resultOf(row)];
  });
}

function judgedOnce(database: Database, { before, place }: SamplesQuery): number[] {
  const last = database.prepare<[], number>('SELECT max(id) FROM reviews').pluck().get() ?? 0;
  return database
    .prepare<[number, number], number>(
      `SELECT ledger_seq FROM (SELECT id, ledger_seq, label, reviewed_at FROM reviews WHERE id > ? ORDER BY id LIMIT ${WINDOW}) AS some
       WHERE reviewed_at < ? AND label IN ('ok', 'ng')
         AND EXISTS (SELECT 1 FROM stored_images WHERE stored_images.ledger_seq = some.ledger_seq)
         AND (SELECT count(*) FROM reviews WHERE reviews.ledger_seq = some.ledger_seq) = 1`,
    )
    .pluck()
    .all(Math.floor(place * last), before);
}

function passed(database: Database, { before, place }: SamplesQuery): number[] {
  const from = before - PASSED_FOR_MS + Math.floor(place * PASSED_FOR_MS);
  const some = database
    .prepare<[number, number], number>(
      `SELECT ledger_seq FROM (SELECT ledger_seq FROM stored_images WHERE removal_rank = ? AND received_at >= ?
                               ORDER BY received_at LIMIT ${WINDOW}) AS some
       WHERE NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.ledger_seq = some.ledger_seq)`,
    )
    .pluck();
  const rank = removalRank('PASS');
  const found = some.all(rank, from);
  return found.length > 0 ? found : some.all(rank, before - PASSED_FOR_MS);
}

/**
 * Second judgements of one picture beside the first, by who gave the second. One that came sooner than `apartMs` is a
 * correction, not a second look; one that was taken back at once counts for nothing.
 */
export function secondLooks(
  database: Database,
  span: { readonly since: number; readonly until: number; readonly apartMs: number },
): readonly Agreement[] {
  return database
    .prepare<[number, number, number], Agreement>(
      `SELECT later.reviewer, earlier.label AS first, later.label AS second
       FROM reviews AS later JOIN reviews AS earlier ON earlier.id =
         (SELECT max(id) FROM reviews WHERE ledger_seq = later.ledger_seq AND id < later.id)
       WHERE later.reviewed_at >= ? AND later.reviewed_at < ? AND later.reviewed_at - earlier.reviewed_at >= ?
         AND earlier.label <> 'withdrawn' AND later.label <> 'withdrawn'
         AND coalesce((SELECT label FROM reviews WHERE ledger_seq = later.ledger_seq AND id > later.id ORDER BY id LIMIT 1), '')
             <> 'withdrawn'`,
    )
    .all(span.since, span.until, span.apartMs);
}
