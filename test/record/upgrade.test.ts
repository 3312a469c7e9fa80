/** Stores that earlier Loupes wrote, as their users have them. */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../src/record/migrations/index.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { cam, frame, ledgerAt, recordFrame, storeFolder } from './support.ts';

describe('a store of schema 1', () => {
  it('is opened, migrated, read and written on, with its chain unbroken', async () => {
    const store = storeFolder();
    cpSync(join(import.meta.dirname, 'fixtures', 'schema-1'), store, { recursive: true });
    const { ledger, events } = ledgerAt(store);
    await ledger.start();
    expect(events).toContainEqual({ kind: 'opened', schemaBefore: 1, schema: SCHEMA_VERSION, lastLedgerSeq: 4 });
    expect(await ledger.query({ limit: 10 })).toMatchObject([
      { frameId: 'part-4', verdict: 'UNINSPECTED', reason: 'deadline_exceeded', model: null },
      { frameId: 'part-3', verdict: 'REVIEW' },
      { frameId: 'part-2', verdict: 'FAIL', defectProbability: 0.97, disposition: 'reject' },
      { frameId: 'part-1', verdict: 'PASS', sequence: 1n, tags: { shift: 'early' }, imagePath: null },
    ]);
    expect(ledger.outbox.depth().items).toBe(4);
    expect(await ledger.find(cam('station-1'), frame('part-2'))).toMatchObject({ ledgerSeq: 2, isSimulated: true });
    expect((await recordFrame(ledger, 'part-5')).ledgerSeq).toBe(5);
    await ledger.stop();
    expect(await verifyStore(store)).toMatchObject({ ok: true, rows: 5, images: { checked: 4 }, findings: [] });
  });
});
