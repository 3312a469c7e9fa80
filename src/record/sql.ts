/** The columns of `results` in SQL, from their one declaration in chain.ts. */

import type { Verdict } from '../frame/verdict.ts';
import { HASHED_COLUMNS } from './chain.ts';

const COLUMNS = [...HASHED_COLUMNS, 'chain_hash'];

/** A number cannot hold every int64: `sequence` is read as text. */
const SELECTED = COLUMNS.map((column) =>
  column === 'sequence' ? 'CAST(results.sequence AS TEXT) AS sequence' : `results.${column}`,
).join(', ');

export const RESULT_COLUMNS = SELECTED;

export const SELECT_RESULT = `SELECT ${SELECTED} FROM results`;

export const INSERT_RESULT = `INSERT INTO results (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((c) => `@${c}`).join(', ')})`;

/**
 * `verdict = ?` so that SQLite takes the index that fits, and never walks past the rows of all cameras to find those of one: an
 * index that leaves PASS out is used only where the text says so, and most rows of every camera are PASS.
 */
export function verdictIs(verdict: Verdict | undefined, cameraId: string | undefined): string {
  if (verdict !== 'PASS') return "verdict = ? AND verdict <> 'PASS'";
  return cameraId === undefined ? 'verdict = ?' : '+verdict = ?';
}
