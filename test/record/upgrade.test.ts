/** Stores that earlier Loupes wrote, as their users have them. */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openForWriting } from '../../src/record/database.ts';
import { SCHEMA_VERSION } from '../../src/record/migrations/index.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { cam, frame, ledgerAt, recordFrame, storeFolder } from './support.ts';

const ROI = { x: 0.1, y: 1 / 3, width: 0.2, height: 0.25 };
const none = (count: number) => Array.from({ length: count }, () => undefined);

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
    const { ledgerSeq } = await recordFrame(ledger, 'part-6', {
      modelInput: { roi: ROI, contractSha256: 'cd'.repeat(32) },
    });
    expect((await ledger.query({ limit: 6 })).map((row) => row.modelInput?.roi)).toEqual([ROI, null, ...none(4)]);
    await ledger.stop();
    expect(ledgerSeq).toBe(6);
    expect(await verifyStore(store)).toMatchObject({ ok: true, rows: 6, images: { checked: 5 }, findings: [] });
  });

  it('tells a region that was written into one of its rows from one that was recorded', async () => {
    const store = storeFolder();
    cpSync(join(import.meta.dirname, 'fixtures', 'schema-1'), store, { recursive: true });
    const { ledger } = ledgerAt(store);
    await ledger.start();
    await ledger.stop();
    const { database } = openForWriting(store, 'full');
    database.exec(`UPDATE results SET roi = '"whole"', contract_sha256 = 'cd' WHERE ledger_seq = 2`);
    database.close();
    const { findings } = await verifyStore(store);
    expect(findings.map(({ kind, ledgerSeq }) => [kind, ledgerSeq])).toEqual([['row_contradicts', 2]]);
  });
});
