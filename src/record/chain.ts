/** The hash chain over the rows of `results`: a row that is changed, taken out or put in breaks every hash after it. */

import { createHash } from 'node:crypto';
import type { HashedColumn, Row } from './row.ts';

/** What the first row is chained to. */
export const GENESIS_HASH = '0'.repeat(64);

/** Which columns a row's hash covers. A migration that adds a column adds a version and keeps the old ones. */
export const CHAIN_VERSION = 1;

export const HASHED_COLUMNS: readonly HashedColumn[] = [
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

/**
 * SHA-256, lower-case hex, of the hash before, a line feed, and the columns in their declared order as a JSON array
 * without white space (numbers as ECMAScript writes them, `sequence` as a decimal string).
 */
export function chainHash(previousHash: string, row: Omit<Row, 'chain_hash'>): string {
  const values = HASHED_COLUMNS.map((column) => row[column]);
  return createHash('sha256')
    .update(`${previousHash}\n${JSON.stringify(values)}`, 'utf8')
    .digest('hex');
}
