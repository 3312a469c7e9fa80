import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeError, ERROR_CODES, GRPC, UNINSPECTED_REASONS } from '../src/errors.ts';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
const [refused = '', recorded = ''] = page.split('## Recorded as UNINSPECTED');
const rowsOf = (text: string) =>
  [...text.matchAll(/^\| `([a-z_]+)` \|(.*)\|$/gm)].map(([, code = '', rest = '']) => ({
    code,
    cells: rest.split('|').map((cell) => cell.trim()),
  }));

describe('docs/errors.md', () => {
  it('describes every code, and no other', () => {
    const documented = [...rowsOf(refused), ...rowsOf(recorded)].map((row) => row.code);
    expect(documented.sort()).toEqual([...ERROR_CODES].sort());
  });

  it('says of each refusal what the table says', () => {
    for (const { code, cells } of rowsOf(refused)) {
      const row = describeError(code as (typeof ERROR_CODES)[number]);
      expect([code, ...cells.slice(0, 3)]).toEqual([code, row.grpc, String(row.http), row.retry ? 'yes' : 'no']);
      expect(row.recorded).toBe(false);
    }
  });

  it('says of each reason what the table says', () => {
    expect(rowsOf(recorded).map((row) => row.code)).toEqual(UNINSPECTED_REASONS);
    for (const { code, cells } of rowsOf(recorded)) {
      const row = describeError(code as (typeof ERROR_CODES)[number]);
      expect([code, ...cells.slice(0, 2)]).toEqual([code, row.grpc, String(row.http)]);
    }
  });
});

describe('the error table', () => {
  it('never retries what stands in the ledger, and names real statuses', () => {
    for (const code of ERROR_CODES) {
      const row = describeError(code);
      if (row.recorded) expect(row.retry).toBe(false);
      expect(row.grpcCode).toBe(GRPC[row.grpc]);
    }
  });
});
