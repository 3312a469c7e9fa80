/** The columns of `results` in SQL, from their one declaration in chain.ts. */

import { HASHED_COLUMNS } from './chain.ts';

const COLUMNS = [...HASHED_COLUMNS, 'chain_hash'];

/** A number cannot hold every int64: `sequence` is read as text. */
const SELECTED = COLUMNS.map((column) =>
  column === 'sequence' ? 'CAST(results.sequence AS TEXT) AS sequence' : `results.${column}`,
).join(', ');

export const RESULT_COLUMNS = SELECTED;

export const SELECT_RESULT = `SELECT ${SELECTED} FROM results`;

export const INSERT_RESULT = `INSERT INTO results (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((c) => `@${c}`).join(', ')})`;
