import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chainHash, GENESIS_HASH, HASHED_COLUMNS } from '../../src/record/chain.ts';
import { rowOf } from '../../src/record/rows.ts';
import { decisionOf } from './support.ts';

describe('the chain', () => {
  const row = rowOf(decisionOf('f1'), '2026/11/24/02/x.jpg', 1, GENESIS_HASH);

  it('covers every column of the row but the hash itself', () => {
    const { chain_hash: own, ...hashed } = row;
    expect(Object.keys(hashed).sort()).toEqual([...HASHED_COLUMNS].sort());
    expect(own).toBe(chainHash(GENESIS_HASH, hashed));
    for (const column of HASHED_COLUMNS) {
      expect(chainHash(GENESIS_HASH, { ...hashed, [column]: 'other' }), column).not.toBe(own);
    }
    expect(chainHash('1'.repeat(64), hashed)).not.toBe(own);
  });

  it('can be computed by anyone from the documented encoding', () => {
    const text = `${GENESIS_HASH}\n${JSON.stringify(HASHED_COLUMNS.map((column) => row[column]))}`;
    expect(row.chain_hash).toBe(createHash('sha256').update(text).digest('hex'));
  });
});
