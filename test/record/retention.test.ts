import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/frame/verdict.ts';
import type { RetentionPolicy } from '../../src/record/contract.ts';
import { openForWriting } from '../../src/record/database.ts';
import { ImageStore } from '../../src/record/image-store.ts';
import { LedgerTables } from '../../src/record/ledger-tables.ts';
import { Retention } from '../../src/record/retention.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { openLedger, recordFrame, storeFolder } from './support.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 10, 24);
const PLENTY = 1e12;

/** Images of 10 bytes each, received one hour apart, oldest first; the last just now. */
async function storeOf(verdicts: readonly Verdict[], policy: Partial<RetentionPolicy>) {
  const { ledger, path } = await openLedger();
  for (const [index, verdict] of verdicts.entries()) {
    const receivedAt = NOW - (verdicts.length - 1 - index) * HOUR_MS;
    await recordFrame(ledger, `f${index}`, { verdict, receivedAt }, `image ${String(index).padStart(4, '0')}`);
  }
  const rows = (await ledger.query({ limit: 1000 })).toReversed();
  await ledger.stop();
  const { database } = openForWriting(path, 'full');
  const tables = new LedgerTables(database);
  const events: unknown[] = [];
  const limits = { maxAgeDays: null, maxBytes: null, minFreeBytes: 0, ...policy };
  const files = new ImageStore(join(path, 'images'));
  const clock = { mono: 0 };
  const retention = new Retention(
    limits,
    files,
    (event) => events.push(event),
    () => clock.mono,
  );
  const left = () =>
    rows.filter((row) => existsSync(join(path, 'images', row.imagePath ?? ''))).map((row) => row.frameId);
  return { path, tables, retention, database, left, events, files, clock };
}

describe('retention', () => {
  it('gives up PASS first, then UNINSPECTED, then REVIEW, FAIL last, the oldest of each first', async () => {
    const verdicts = ['FAIL', 'REVIEW', 'UNINSPECTED', 'PASS', 'FAIL', 'PASS', 'REVIEW', 'UNINSPECTED'] as const;
    const store = await storeOf(verdicts, { minFreeBytes: 100 });
    const order: string[] = [];
    let before = store.left();
    // 5 bytes short each time: one image.
    while ((await store.retention.slice(store.tables, 95, NOW)) > 0) {
      const after = store.left();
      order.push(...before.filter((id) => !after.includes(id)));
      before = after;
    }
    expect(order).toEqual(['f3', 'f5', 'f2', 'f7', 'f1', 'f6', 'f0', 'f4']);
    expect(store.events).toHaveLength(8);
    expect(store.events[0]).toEqual({ kind: 'images_removed', reason: 'disk_pressure', images: 1, bytes: 10 });
    store.database.close();
    expect(await verifyStore(store.path)).toMatchObject({ ok: true, rows: 8, images: { checked: 0, removed: 8 } });
  });

  it('keeps to the limit in bytes and takes no more than it must', async () => {
    const store = await storeOf(['FAIL', 'PASS', 'PASS', 'PASS'], { maxBytes: 25 });
    expect(await store.retention.slice(store.tables, PLENTY, NOW)).toBe(20);
    expect(await store.retention.slice(store.tables, PLENTY, NOW)).toBe(0);
    expect(store.left()).toEqual(['f0', 'f3']);
    expect(store.tables.imageBytes).toBe(20);
    expect(store.events).toEqual([{ kind: 'images_removed', reason: 'bytes', images: 2, bytes: 20 }]);
  });

  it('takes images past their age and none younger, and a FAIL only where no PASS is kept', async () => {
    const store = await storeOf(['FAIL', 'PASS', 'REVIEW', 'PASS', 'FAIL'], { maxAgeDays: 1.5 / 24 });
    while ((await store.retention.slice(store.tables, PLENTY, NOW)) > 0);
    expect(store.left()).toEqual(['f0', 'f3', 'f4']);
    const withoutPass = await storeOf(['FAIL', 'REVIEW', 'REVIEW', 'FAIL'], { maxAgeDays: 1.5 / 24 });
    while ((await withoutPass.retention.slice(withoutPass.tables, PLENTY, NOW)) > 0);
    expect(withoutPass.left()).toEqual(['f2', 'f3']);
  });

  it('does not take for old what a clock dated that nobody had set', async () => {
    const { ledger, path } = await openLedger();
    // Booted with an empty battery, then set right by the network.
    await recordFrame(ledger, 'in-1970', { verdict: 'PASS', receivedAt: 60_000 }, 'image 1');
    await recordFrame(ledger, 'long-ago', { verdict: 'PASS', receivedAt: NOW - 100 * 24 * HOUR_MS }, 'image 2');
    await recordFrame(ledger, 'now', { verdict: 'PASS', receivedAt: NOW }, 'image 3');
    const rows = await ledger.query({ limit: 10 });
    await ledger.stop();
    const { database } = openForWriting(path, 'full');
    const files = new ImageStore(join(path, 'images'));
    const left = () =>
      rows.filter((row) => existsSync(join(path, 'images', row.imagePath ?? ''))).map((row) => row.frameId);
    const byAge = new Retention({ maxAgeDays: 90, maxBytes: null, minFreeBytes: 0 }, files, () => undefined);
    const tables = new LedgerTables(database);
    while ((await byAge.slice(tables, PLENTY, NOW)) > 0);
    expect(left()).toEqual(['now', 'in-1970']);
    // For room it goes like any other, the oldest first.
    const forRoom = new Retention({ maxAgeDays: 90, maxBytes: 7, minFreeBytes: 0 }, files, () => undefined);
    while ((await forRoom.slice(tables, PLENTY, NOW)) > 0);
    expect(left()).toEqual(['now']);
    database.close();
  });

  it('takes the folders of hours away that hold nothing more, and none that is written to', async () => {
    const { path, files } = await storeOf([], {});
    const images = join(path, 'images');
    const [old, busy] = ['2025/12/31/23/a.jpg', '2026/11/24/00/b.jpg'];
    await new ImageStore(images).write([{ path: old, bytes: new Uint8Array(3) }]);
    await files.write([{ path: busy, bytes: new Uint8Array(3) }]);
    await files.remove([old, busy, '2024/01/01/00/gone.jpg']);
    expect(readdirSync(images)).toEqual(['2026']);
    await files.write([{ path: busy, bytes: new Uint8Array(3) }]);
    expect(existsSync(join(images, busy))).toBe(true);
    await new ImageStore(images).remove([busy]);
    expect(readdirSync(images)).toEqual([]);
  });

  it('takes at most 50 in one slice', async () => {
    const store = await storeOf(Array<Verdict>(60).fill('PASS'), { maxBytes: 0 });
    expect(await store.retention.slice(store.tables, PLENTY, NOW)).toBe(500);
    expect(store.left()).toHaveLength(10);
  });

  it('stops where a file cannot be taken away, instead of noting one image after the other as removed', async () => {
    const store = await storeOf(['PASS', 'PASS', 'FAIL'], { minFreeBytes: 15 });
    const [first] = store.tables.nextRemovals(Number.MAX_SAFE_INTEGER, 1);
    const path = join(store.path, 'images', first?.path ?? '');
    rmSync(path);
    mkdirSync(path);
    expect(await store.retention.slice(store.tables, 10, NOW)).toBe(0);
    expect(await store.retention.slice(store.tables, 10, NOW)).toBe(0);
    expect(store.events).toMatchObject([{ kind: 'removal_failed', path: first?.path }]);
    rmdirSync(path);
    await store.retention.finish(store.tables);
    expect(store.tables.openRemovals(10)).toEqual([]);
    expect(await store.retention.slice(store.tables, 10, NOW)).toBe(10);
    expect(store.left()).toEqual(['f2']);
  });

  it('tries again after a minute, and goes on where the file can be taken away by then', async () => {
    const store = await storeOf(['PASS', 'PASS', 'FAIL'], { minFreeBytes: 15 });
    const [first] = store.tables.nextRemovals(Number.MAX_SAFE_INTEGER, 1);
    const path = join(store.path, 'images', first?.path ?? '');
    rmSync(path);
    mkdirSync(path);
    for (const mono of [0, 60_000, 120_000]) {
      store.clock.mono = mono;
      expect(await store.retention.slice(store.tables, 10, NOW)).toBe(0);
    }
    rmdirSync(path);
    store.clock.mono = 179_999;
    expect(await store.retention.slice(store.tables, 10, NOW)).toBe(0);
    store.clock.mono = 180_000;
    expect(await store.retention.slice(store.tables, 10, NOW)).toBe(10);
    expect(store.tables.openRemovals(10)).toEqual([]);
    expect(store.events).toMatchObject([{ kind: 'removal_failed' }, { kind: 'images_removed', images: 1 }]);
    expect(store.left()).toEqual(['f2']);
  });

  it('finishes at the next start what a crash between record and unlink left', async () => {
    const store = await storeOf(['PASS', 'FAIL'], {});
    store.tables.recordRemovals(store.tables.nextRemovals(Number.MAX_SAFE_INTEGER, 1), 'bytes', NOW);
    expect(store.left()).toEqual(['f0', 'f1']);
    store.database.close();
    const { ledger } = await openLedger({ path: store.path });
    expect(store.left()).toEqual(['f1']);
    await ledger.stop();
    expect(await verifyStore(store.path)).toMatchObject({ ok: true, images: { removed: 1 } });
  });

  it('runs beside recording', async () => {
    const path = storeFolder();
    const { ledger, events } = await openLedger({
      path,
      retention: { maxAgeDays: null, maxBytes: 100, minFreeBytes: 0 },
    });
    for (let index = 0; index < 40; index++)
      await recordFrame(ledger, `f${index}`, {}, `image ${String(index).padStart(4, '0')}`);
    await expect.poll(() => ledger.status().bytes.images, { timeout: 5000 }).toBe(100);
    expect(events.filter((event) => event.kind === 'images_removed')).not.toHaveLength(0);
    const files = readdirSync(join(path, 'images'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files).toHaveLength(10);
  });

  it('takes the heat map with its picture, and verify calls neither a fault', async () => {
    const { path, tables, retention, database } = await storeOf(['FAIL', 'FAIL'], { maxAgeDays: 1 });
    const folder = (hour: number) => join(path, 'images/2026/11', hour < 0 ? '23/23' : '24/00');
    for (const hour of [-1, 0]) {
      const [image = ''] = readdirSync(folder(hour));
      writeFileSync(join(folder(hour), `${image.split('.')[0]}.heat.json`), '{}');
    }
    await retention.slice(tables, PLENTY, NOW + 23.5 * HOUR_MS);
    expect(existsSync(folder(-1))).toBe(false);
    expect(readdirSync(folder(0))).toHaveLength(2);
    database.close();
    expect(await verifyStore(path)).toMatchObject({ ok: true, images: { orphans: 0, temporary: 0, removed: 1 } });
  });
});
