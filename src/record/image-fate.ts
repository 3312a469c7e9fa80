/** What became of the image of a row. */

import type { Database } from './database.ts';

/** `removed`: retention took it. */
export type Fate = 'stored' | 'removed' | 'both' | 'unknown';

export function imageFate(database: Database): (ledgerSeq: number) => Fate {
  const ask = database.prepare<[number, number], { stored: number; removed: number }>(
    `SELECT EXISTS (SELECT 1 FROM stored_images WHERE ledger_seq = ?) AS stored,
            EXISTS (SELECT 1 FROM image_removals WHERE ledger_seq = ?) AS removed`,
  );
  return (ledgerSeq) => {
    const row = ask.get(ledgerSeq, ledgerSeq);
    if (row?.stored === 1) return row.removed === 1 ? 'both' : 'stored';
    return row?.removed === 1 ? 'removed' : 'unknown';
  };
}
