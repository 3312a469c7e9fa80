/** Results that people judged, with the last word on each, in the order of the ledger. */

import type { RecordedResult } from '../frame/verdict.ts';
import type { Database } from './database.ts';
import type { Row } from './row.ts';
import { resultOf } from './rows.ts';
import { RESULT_COLUMNS } from './sql.ts';

export interface LastWord {
  readonly result: RecordedResult;
  readonly label: 'ok' | 'ng';
  readonly defectClass: string | null;
  readonly reviewer: string;
}

const PAGE_ROWS = 500;

type JudgedRow = Row & {
  readonly label: string;
  readonly defect_class: string | null;
  readonly reviewer: string;
};

/** What is unsure, or was withdrawn, is left out. */
export function* lastWords(database: Database): Generator<LastWord> {
  const page = database.prepare<[number, number], JudgedRow>(
    `SELECT reviews.label, reviews.defect_class, reviews.reviewer, ${RESULT_COLUMNS}
     FROM (SELECT ledger_seq, max(id) AS id FROM reviews WHERE ledger_seq > ? GROUP BY ledger_seq
           ORDER BY ledger_seq LIMIT ?) AS last
     JOIN reviews ON reviews.id = last.id JOIN results ON results.ledger_seq = last.ledger_seq
     ORDER BY results.ledger_seq`,
  );
  for (let after = 0; ; ) {
    const rows = page.all(after, PAGE_ROWS);
    for (const row of rows) {
      const { label, defect_class: defectClass, reviewer } = row;
      if (label === 'ok' || label === 'ng') yield { result: resultOf(row), label, defectClass, reviewer };
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.ledger_seq;
  }
}
