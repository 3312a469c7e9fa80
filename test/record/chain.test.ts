import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chainHash, columnsOf, GENESIS_HASH, HASHED_COLUMNS } from '../../src/record/chain.ts';
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

  it('keeps what it covered in older versions, and covers nothing in one that there is not', () => {
    expect(columnsOf(1)).not.toContain('roi');
    expect(columnsOf(2)).toEqual([...columnsOf(1), 'roi', 'contract_sha256']);
    expect(columnsOf(99)).toEqual([]);
    const { chain_hash: _own, ...hashed } = row;
    const first = { ...hashed, chain_version: 1 };
    expect(chainHash(GENESIS_HASH, { ...first, roi: 'other' })).toBe(chainHash(GENESIS_HASH, first));
  });

  it('can be computed by anyone from the documented encoding', () => {
    const text = `${GENESIS_HASH}\n${JSON.stringify(HASHED_COLUMNS.map((column) => row[column]))}`;
    expect(row.chain_hash).toBe(createHash('sha256').update(text).digest('hex'));
  });
});
