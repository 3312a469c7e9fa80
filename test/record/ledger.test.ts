import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ResultsReader } from '../../src/ingest/ports.ts';
import { SCHEMA_VERSION } from '../../src/record/migrations/index.ts';
import { cam, decisionOf, frame, imageOf, ledgerAt, openLedger, recordFrame, storeFolder } from './support.ts';

describe('recording', () => {
  it('gives back what was decided, with its place, its hash and the path of the very bytes that came', async () => {
    const { ledger, path } = await openLedger();
    const image = imageOf('pixels');
    const decision = decisionOf('f1', image);
    const outcome = await ledger.record(decision, image, []);
    if (outcome.kind !== 'recorded') throw new Error(outcome.kind);
    const { ledgerSeq, chainHash, imagePath, ...rest } = outcome.result;
    expect(rest).toEqual(decision);
    expect(ledgerSeq).toBe(1);
    expect(chainHash).toMatch(/^[0-9a-f]{64}$/);
    expect(imagePath).toMatch(/^\d{4}\/\d\d\/\d\d\/\d\d\/.+\.jpg$/);
    expect(readFileSync(join(path, 'images', imagePath ?? ''), 'utf8')).toBe('pixels');
    expect(await ledger.get(decision.resultId)).toEqual(outcome.result);
    expect(await ledger.find(decision.cameraId, decision.frameId)).toEqual(outcome.result);
  });

  it('answers the stored row for the same frame, and a conflict for other bytes under its id', async () => {
    const { ledger } = await openLedger();
    const first = await recordFrame(ledger, 'f1');
    const again = await ledger.record(decisionOf('f1'), imageOf('f1'), []);
    expect(again).toEqual({ kind: 'duplicate', result: first });
    const other = imageOf('other bytes');
    expect(await ledger.record(decisionOf('f1', other), other, [])).toEqual({ kind: 'conflict', result: first });
    expect(ledger.lastLedgerSeq()).toBe(1);
  });

  it('records one of two equal frames that come in the same group', async () => {
    const { ledger } = await openLedger();
    const image = imageOf('f1');
    const outcomes = await Promise.all([1, 2, 3].map(() => ledger.record(decisionOf('f1', image), image, [])));
    expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['duplicate', 'duplicate', 'recorded']);
  });

  it('numbers frames without gaps across restarts, in groups', async () => {
    const path = storeFolder();
    const first = await openLedger({ path });
    await Promise.all(Array.from({ length: 150 }, (_, index) => recordFrame(first.ledger, `a${index}`)));
    await first.ledger.stop();
    const second = await openLedger({ path });
    expect(second.ledger.lastLedgerSeq()).toBe(150);
    expect((await recordFrame(second.ledger, 'b')).ledgerSeq).toBe(151);
    const all = await second.ledger.query({ limit: 1000 });
    expect(all.map((row) => row.ledgerSeq)).toEqual(Array.from({ length: 151 }, (_, index) => 151 - index));
    expect(await second.ledger.totals()).toEqual([{ cameraId: 'line-1', verdict: 'PASS', rows: 151 }]);
  });

  it('keeps half a surrogate pair from breaking the chain, and int64 from losing digits', async () => {
    const { ledger } = await openLedger();
    const row = await recordFrame(ledger, 'f1', { partId: 'a\ud800b', sequence: -(2n ** 63n) });
    expect(row.partId).toBe('a\ufffdb');
    expect(await ledger.get(row.resultId)).toEqual(row);
  });

  it('rejects a decision that contradicts itself, and records its neighbours of the same group', async () => {
    const { ledger } = await openLedger();
    const bad = decisionOf('bad', imageOf('bad'), { verdict: 'UNINSPECTED', reason: null });
    const fine = [recordFrame(ledger, 'a'), recordFrame(ledger, 'b')];
    const tooWide = decisionOf('wide', imageOf('wide'), { sequence: 2n ** 70n });
    const passing = decisionOf('p', imageOf('p'), { verdict: 'FAIL', disposition: 'accept' });
    for (const decision of [bad, tooWide, passing]) {
      await expect(ledger.record(decision, imageOf('x'), [])).rejects.toMatchObject({ code: 'internal' });
    }
    const rows = await Promise.all([...fine, recordFrame(ledger, 'c')]);
    expect(rows.map((row) => row.ledgerSeq)).toEqual([1, 2, 3]);
    expect(ledger.status().writable).toBe(true);
  });

  it('rejects a second frame under the same result id and leaves the image of the first alone', async () => {
    const { ledger, path } = await openLedger();
    const first = await recordFrame(ledger, 'a');
    const { resultId, receivedAt } = first;
    for (const id of ['b', 'c']) {
      const decision = decisionOf(id, imageOf(id), { resultId, receivedAt });
      await expect(ledger.record(decision, imageOf(id), [])).rejects.toMatchObject({ code: 'internal' });
    }
    expect(readFileSync(join(path, 'images', first.imagePath ?? ''), 'utf8')).toBe('a');
    expect(ledger.lastLedgerSeq()).toBe(1);
  });

  it('rejects only the one call that cannot cross to the thread', async () => {
    const { ledger } = await openLedger();
    const odd = { ...decisionOf('odd'), tags: { a: (() => 1) as unknown as string } };
    const [bad, good] = await Promise.allSettled([ledger.record(odd, imageOf('odd'), []), recordFrame(ledger, 'good')]);
    expect(bad.status).toBe('rejected');
    expect(good.status).toBe('fulfilled');
  });

  it('leaves the bytes to the sender', async () => {
    const { ledger } = await openLedger();
    const image = imageOf('still mine');
    await ledger.record(decisionOf('f1', image), image, []);
    expect(new TextDecoder().decode(image.bytes)).toBe('still mine');
  });

  it('keeps images by policy', async () => {
    const { ledger } = await openLedger({ images: { keep: 'not_pass', keepPassRatio: 0 } });
    expect((await recordFrame(ledger, 'p')).imagePath).toBeNull();
    expect((await recordFrame(ledger, 'f', { verdict: 'FAIL' })).imagePath).not.toBeNull();
    expect((await recordFrame(ledger, 'u', { verdict: 'UNINSPECTED' })).imagePath).not.toBeNull();
  });

  it('refuses records beyond the limit of waiting ones, and before start and after stop', async () => {
    const { ledger } = ledgerAt(storeFolder(), { maxPending: 2 });
    expect(await ledger.record(decisionOf('f'), imageOf('f'), [])).toMatchObject({ kind: 'unavailable' });
    await ledger.start();
    const outcomes = await Promise.all(['a', 'b', 'c'].map((id) => ledger.record(decisionOf(id), imageOf(id), [])));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['recorded', 'recorded', 'unavailable']);
    await ledger.stop();
    await ledger.stop();
    expect(await ledger.record(decisionOf('d'), imageOf('d'), [])).toMatchObject({ kind: 'unavailable' });
    await expect(ledger.get('x')).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('commits what was handed in before it stops', async () => {
    const path = storeFolder();
    const { ledger } = await openLedger({ path });
    const records = Array.from({ length: 100 }, (_, index) => recordFrame(ledger, `f${index}`));
    await ledger.stop();
    expect((await Promise.all(records)).at(-1)?.ledgerSeq).toBe(100);
    const again = await openLedger({ path });
    expect(again.ledger.lastLedgerSeq()).toBe(100);
  });
});

describe('reading', () => {
  it('is what a source may read of the ledger', async () => {
    const { ledger } = await openLedger();
    const reader: ResultsReader = ledger;
    expect(reader.lastLedgerSeq()).toBe(0);
    expect(await reader.pageAfter(0, 10, {})).toEqual([]);
  });

  it('pages forward by ledger place and backward by query, filtered', async () => {
    const { ledger } = await openLedger();
    const t = Date.now();
    for (let index = 0; index < 10; index++) {
      const verdict = index % 3 === 0 ? 'FAIL' : 'PASS';
      await recordFrame(ledger, `f${index}`, { verdict, cameraId: cam(`cam-${index % 2}`), receivedAt: t + index });
    }
    const page = await ledger.pageAfter(4, 3, { cameraId: cam('cam-1') });
    expect(page.map((row) => row.ledgerSeq)).toEqual([6, 8, 10]);
    const fails = await ledger.query({ verdict: 'FAIL', before: 10, limit: 2 });
    expect(fails.map((row) => row.frameId)).toEqual(['f6', 'f3']);
    const some = await ledger.query({ since: t + 2, until: t + 5, limit: 100 });
    expect(some.map((row) => row.frameId)).toEqual(['f4', 'f3', 'f2']);
    expect(await ledger.find(cam('cam-1'), frame('f0'))).toBeNull();
  });

  it('tells listeners of each commit', async () => {
    const { ledger } = await openLedger();
    const seen: number[] = [];
    const stop = ledger.onCommit((last) => seen.push(last));
    await recordFrame(ledger, 'a');
    await recordFrame(ledger, 'b');
    stop();
    await recordFrame(ledger, 'c');
    expect(seen).toEqual([1, 2]);
  });

  it('reports sizes and events', async () => {
    const { ledger, events } = await openLedger();
    await recordFrame(ledger, 'a', {}, 'twelve bytes');
    expect(ledger.status()).toMatchObject({ writable: true, reason: null, pending: 0, bytes: { images: 12 } });
    expect(ledger.status().diskFreeBytes).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ kind: 'opened', schemaBefore: 0, schema: SCHEMA_VERSION, lastLedgerSeq: 0 });
    expect(events[1]).toMatchObject({ kind: 'committed', rows: 1, images: 1, imageBytes: 12 });
  });
});
