/** The hash chain over the rows of `results`: a row that is changed, taken out or put in breaks every hash after it. */

import { createHash } from 'node:crypto';
import type { HashedColumn, Row } from './row.ts';

/** What the first row is chained to. */
export const GENESIS_HASH = '0'.repeat(64);

/** Of rows that are written now. A migration that adds a column adds a version; rows keep the one they were written with. */
export const CHAIN_VERSION = 4;

const FIRST: readonly HashedColumn[] = [
  'ledger_seq',
  'result_id',
  'camera_id',
  'frame_id',
  'sequence',
  'part_id',
  'job_id',
  'product_id',
  'meas_id',
  'captured_at',
  'received_at',
  'decided_at',
  'transport',
  'verdict',
  'reason',
  'reason_detail',
  'disposition',
  'defect_probability',
  'recipe_id',
  'pass_below',
  'fail_above',
  'model_name',
  'model_version',
  'model_sha256',
  'provider',
  'queue_ms',
  'decode_ms',
  'infer_ms',
  'total_ms',
  'image_sha256',
  'image_bytes',
  'image_media_type',
  'image_path',
  'tags',
  'is_simulated',
  'chain_version',
];

const SECOND: readonly HashedColumn[] = [...FIRST, 'roi', 'contract_sha256'];

const THIRD: readonly HashedColumn[] = [...SECOND, 'model_variant'];

/** Which columns a row's hash covers, by version. */
const COVERED: ReadonlyMap<number, readonly HashedColumn[]> = new Map([
  [1, FIRST],
  [2, SECOND],
  [3, THIRD],
  [4, [...THIRD, 'unfamiliarity']],
]);

export const HASHED_COLUMNS = columnsOf(CHAIN_VERSION);

/** The columns that the hash of a row of this version covers; none for a version that there is not. */
export function columnsOf(version: number): readonly HashedColumn[] {
  return COVERED.get(version) ?? [];
}

/** The columns of the row's version in their declared order, `sequence` as a decimal string. */
export function chainHash(previousHash: string, row: Omit<Row, 'chain_hash'>): string {
  return linkHash(previousHash, coveredOf(row));
}

/** The very text whose hash stands in the row. */
export function hashedText(previousHash: string, row: Omit<Row, 'chain_hash'>): string {
  return linkText(previousHash, coveredOf(row));
}

/**
 * SHA-256, lower-case hex, of the hash before, a line feed, and `values` as a JSON array without white space (numbers as
 * ECMAScript writes them).
 */
export function linkHash(previousHash: string, values: readonly (string | number | null)[]): string {
  return createHash('sha256').update(linkText(previousHash, values), 'utf8').digest('hex');
}

const coveredOf = (row: Omit<Row, 'chain_hash'>) => columnsOf(row.chain_version).map((column) => row[column]);

const linkText = (previousHash: string, values: readonly (string | number | null)[]) =>
  `${previousHash}\n${JSON.stringify(values)}`;
