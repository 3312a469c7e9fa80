import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { backUp } from '../../src/record/backup.ts';
import { databasePath, openForWriting } from '../../src/record/database.ts';
import { readStoredPeople } from '../../src/record/offline-people.ts';
import { MAX_ORPHANS } from '../../src/record/orphans.ts';
import { StoreReader } from '../../src/record/store-reader.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { decisionOf, imageOf, ledgerAt, noise, openLedger, recordFrame, storeFolder } from './support.ts';

const RECOVERY = { timeout: 10_000, interval: 50 };

/** A small file system of its own at a new folder, or null where this machine does not let us mount one. */
function mountSmallDisk(bytes: number): string | null {
  const path = join(storeFolder(), 'disk');
  mkdirSync(path);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]).status !== 0) return null;
  onTestFinished(() => void spawnSync('umount', ['-l', path]));
  return path;
}

const canMount = mountable();
function mountable(): boolean {
  const path = '/tmp/loupe-mount-probe';
  mkdirSync(path, { recursive: true });
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]).status === 0;
  if (isMounted) spawnSync('umount', [path]);
  rmSync(path, { recursive: true, force: true });
  if (!isMounted) console.warn('SKIPPED: full and read-only disks need the right to mount a tmpfs');
  return isMounted;
}

function imageFiles(path: string) {
  return readdirSync(join(path, 'images'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
}

describe('a store that cannot be written', () => {
  it('acknowledges nothing, says why, stays readable and recovers by itself', async () => {
    const { ledger, path, events } = await openLedger();
    const kept = await recordFrame(ledger, 'before');
    const images = join(path, 'images');
    renameSync(images, `${images}.away`);
    writeFileSync(images, 'a plain file where a folder should be');
    const outcomes = await Promise.all(['a', 'b'].map((id) => ledger.record(decisionOf(id), imageOf(id), [])));
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ kind: 'unavailable', detail: expect.stringMatching(/ENOTDIR|EEXIST/) });
    expect(ledger.status()).toMatchObject({
      writable: false,
      reason: expect.stringMatching(/ENOTDIR|EEXIST/),
      lastLedgerSeq: 1,
    });
    expect(await ledger.enqueue(kept.resultId, [{ topic: null, correlationData: null }])).toBe(false);
    expect(await ledger.get(kept.resultId)).toEqual(kept);
    rmSync(images);
    renameSync(`${images}.away`, images);
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
    expect((await recordFrame(ledger, 'a')).ledgerSeq).toBe(2);
    expect(events.map((event) => event.kind).filter((kind) => kind !== 'committed')).toEqual([
      'opened',
      'unavailable',
      'available',
    ]);
    await ledger.stop();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 2 });
  });

  it('is noticed while no frame comes', async () => {
    const { ledger, path } = await openLedger();
    renameSync(join(path, 'images'), join(path, 'away'));
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(false);
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
  });

  it('that is moved away is not begun anew at its old place: nothing is acknowledged until it is back', async () => {
    const { ledger, path } = await openLedger();
    await recordFrame(ledger, 'before');
    renameSync(path, `${path}.away`);
    onTestFinished(() => rmSync(`${path}.away`, { recursive: true, force: true }));
    const outcome = () => ledger.record(decisionOf('during'), imageOf('during'), []);
    expect(await outcome()).toMatchObject({ kind: 'unavailable' });
    await expect.poll(() => ledger.status().reason, RECOVERY).toMatch(/ledger.db is gone; put the store back/);
    expect(existsSync(path)).toBe(false);
    renameSync(`${path}.away`, path);
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
    expect((await recordFrame(ledger, 'during')).ledgerSeq).toBe(2);
    await ledger.stop();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 2 });
  });

  it('whose ledger.db is deleted acknowledges nothing that would be lost with it, and takes no other ledger for it', async () => {
    const { ledger, path } = await openLedger();
    await recordFrame(ledger, 'before');
    for (const name of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm']) rmSync(join(path, name));
    const outcome = await ledger.record(decisionOf('during'), imageOf('during'), []);
    expect(outcome).toMatchObject({
      kind: 'unavailable',
      detail: expect.stringContaining('deleted, moved or replaced'),
    });
    openForWriting(path, 'full').database.close();
    await expect.poll(() => ledger.status().reason, RECOVERY).toMatch(/not the ledger that was open: its row 2/);
    expect(await ledger.record(decisionOf('after'), imageOf('after'), [])).toMatchObject({ kind: 'unavailable' });
  });

  it('lets the ledger start all the same, and is taken when it comes', async () => {
    const folder = storeFolder();
    const path = join(folder, 'mount', 'store');
    writeFileSync(join(folder, 'mount'), 'not mounted yet');
    const { ledger, events } = ledgerAt(path);
    await ledger.start();
    expect(ledger.status()).toMatchObject({ writable: false, reason: expect.stringContaining('ENOTDIR') });
    expect(await ledger.record(decisionOf('a'), imageOf('a'), [])).toMatchObject({ kind: 'unavailable' });
    await expect(ledger.query({ limit: 1 })).rejects.toMatchObject({ code: 'store_unavailable' });
    rmSync(join(folder, 'mount'));
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
    expect((await recordFrame(ledger, 'a')).ledgerSeq).toBe(1);
    expect(await ledger.query({ limit: 1 })).toHaveLength(1);
    expect(events.map((event) => event.kind).slice(0, 3)).toEqual(['unavailable', 'opened', 'available']);
  });

  it('is one whose disk does not answer, until it does', async () => {
    const { ledger, path } = await openLedger({ maxSilentMs: 1500 });
    await recordFrame(ledger, 'before');
    // Another hand holds the lock: the writer waits for it inside SQLite, as it would for a disk.
    const { database } = openForWriting(path, 'full');
    database.exec('BEGIN IMMEDIATE');
    const waiting = recordFrame(ledger, 'waiting');
    await expect
      .poll(() => ledger.status().reason, RECOVERY)
      .toMatch(/^the disk of the store has not answered for \d s/);
    expect(ledger.status().writable).toBe(false);
    expect(await ledger.record(decisionOf('a'), imageOf('a'), [])).toMatchObject({
      kind: 'unavailable',
      detail: expect.stringContaining('has not answered'),
    });
    database.exec('ROLLBACK');
    database.close();
    expect((await waiting).ledgerSeq).toBe(2);
    expect(ledger.status()).toMatchObject({ writable: true, reason: null });
    expect((await recordFrame(ledger, 'a')).ledgerSeq).toBe(3);
  });

  it('gets one writer, not a crowd of them, after writers that died before their first word', async () => {
    const options = { path: storeFolder() };
    const { ledger, events } = ledgerAt(options.path);
    const given = (ledger as unknown as { options: { path: unknown } }).options;
    await ledger.start();
    given.path = 7;
    await (ledger as unknown as { writer: { worker: Worker } }).writer.worker.terminate();
    const deaths = () => events.filter(({ kind }) => kind === 'thread_died').length;
    await expect.poll(deaths, RECOVERY).toBeGreaterThanOrEqual(3);
    given.path = options.path;
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
    const died = deaths();
    expect(died).toBeLessThanOrEqual(4);
    for (const id of ['a', 'b', 'c']) await recordFrame(ledger, id);
    expect(deaths()).toBe(died);
  });

  it.skipIf(!canMount)('survives a full disk: nothing half-recorded, everything acknowledged is there', async () => {
    const disk = mountSmallDisk(3_000_000) ?? '';
    const { ledger, path } = await openLedger({ path: join(disk, 'store') });
    let recorded = 0;
    let detail = '';
    for (let index = 0; detail === '' && index < 1000; index++) {
      const image = noise(40_000);
      const outcome = await ledger.record(decisionOf(`f${index}`, image), image, []);
      if (outcome.kind === 'recorded') recorded += 1;
      if (outcome.kind === 'unavailable') detail = outcome.detail;
    }
    expect(detail).toMatch(/ENOSPC|SQLITE_FULL/);
    expect(recorded).toBeGreaterThan(10);
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: recorded });
    execFileSync('mount', ['-o', 'remount,size=8m', disk]);
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
    expect((await recordFrame(ledger, 'after')).ledgerSeq).toBe(recorded + 1);
    await ledger.stop();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: recorded + 1 });
    expect(imageFiles(path)).toHaveLength(recorded + 1);
  });

  it.skipIf(!canMount)('gives up PASS images before a small disk is full', async () => {
    const disk = mountSmallDisk(16_000_000) ?? '';
    const retention = { maxAgeDays: null, maxBytes: null, minFreeBytes: 4_000_000 };
    const { ledger, path, events } = await openLedger({ path: join(disk, 'store'), retention });
    for (let index = 0; index < 200; index++) {
      const image = noise(120_000);
      const decision = decisionOf(`f${index}`, image, { verdict: index % 10 === 0 ? 'FAIL' : 'PASS' });
      expect((await ledger.record(decision, image, [])).kind).toBe('recorded');
    }
    await expect.poll(() => ledger.status().diskFreeBytes, RECOVERY).toBeGreaterThan(4_000_000);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'images_removed', reason: 'disk_pressure' }));
    const fails = await ledger.query({ verdict: 'FAIL', limit: 1000 });
    expect(fails.every((row) => existsSync(join(path, 'images', row.imagePath ?? '')))).toBe(true);
    await ledger.stop();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 200 });
  });

  it.skipIf(!canMount)('makes room where somebody else filled the disk to the last byte', async () => {
    const disk = mountSmallDisk(16_000_000) ?? '';
    const retention = { maxAgeDays: null, maxBytes: null, minFreeBytes: 4_000_000 };
    const { ledger, path, events } = await openLedger({ path: join(disk, 'store'), retention });
    for (let index = 0; index < 40; index++) {
      const image = noise(120_000);
      await ledger.record(decisionOf(`f${index}`, image), image, []);
    }
    spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=4k']);
    const image = noise(120_000);
    const decision = decisionOf('last', image);
    await expect
      .poll(async () => (await ledger.record(decision, image, [])).kind, RECOVERY)
      .toMatch(/recorded|duplicate/);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'images_removed', reason: 'disk_pressure' }));
    await ledger.stop();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 41 });
  });

  it.skipIf(!canMount)('survives a disk that turns read-only, and is read from one', async () => {
    const disk = mountSmallDisk(8_000_000) ?? '';
    const { ledger, path } = await openLedger({ path: join(disk, 'store') });
    await recordFrame(ledger, 'a');
    // A whole file system with files open for writing refuses to turn: a mount of its folder alone does.
    const images = join(path, 'images');
    execFileSync('mount', ['--bind', images, images]);
    execFileSync('mount', ['-o', 'remount,bind,ro', images]);
    expect(await ledger.record(decisionOf('b'), imageOf('b'), [])).toMatchObject({
      kind: 'unavailable',
      detail: /EROFS/,
    });
    execFileSync('umount', [images]);
    await expect.poll(() => ledger.status().writable, RECOVERY).toBe(true);
    expect((await recordFrame(ledger, 'b')).ledgerSeq).toBe(2);
    await ledger.stop();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const reader = new StoreReader(path);
    expect(reader.query({ limit: 10 })).toHaveLength(2);
    reader.close();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 2 });
    expect(readStoredPeople(path).accounts).toEqual([]);
    expect(await backUp(path, join(storeFolder(), 'backup.tar'))).toMatchObject({ rows: 2, images: 2, missing: 0 });
  });
});

describe('a store that is refused', () => {
  it('ends the start with what the writer died of, never in silence', async () => {
    const { ledger, events } = ledgerAt(storeFolder(), { path: 7 as unknown as string });
    await expect(ledger.start()).rejects.toThrow(/the writer of 7 ended: .*must be of type string/);
    expect(events).toMatchObject([{ kind: 'thread_died', thread: 'writer' }]);
    expect(ledger.status().writable).toBe(false);
    expect(await ledger.record(decisionOf('a'), imageOf('a'), [])).toMatchObject({ kind: 'unavailable' });
  });

  it('belongs to another service', async () => {
    const { path, ledger } = await openLedger();
    await expect(ledgerAt(path).ledger.start()).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('in use by another process'),
    });
    await recordFrame(ledger, 'still works');
    await ledger.stop();
    const next = await openLedger({ path });
    expect(next.ledger.lastLedgerSeq()).toBe(1);
  });

  it('was written by a newer Loupe, is damaged, or belongs to another program', async () => {
    const spoil = async (sql: string) => {
      const { path, ledger } = await openLedger();
      await ledger.stop();
      const { database } = openForWriting(path, 'full');
      database.exec(sql);
      database.close();
      return path;
    };
    const newer = await spoil('PRAGMA user_version = 99');
    await expect(ledgerAt(newer).ledger.start()).rejects.toThrow(/schema 99, this program knows up to \d+/);
    const foreign = await spoil('PRAGMA user_version = 1; PRAGMA application_id = 7');
    await expect(ledgerAt(foreign).ledger.start()).rejects.toThrow(/another program/);
    const damaged = storeFolder();
    writeFileSync(databasePath(damaged), 'garbage '.repeat(1000));
    await expect(ledgerAt(damaged).ledger.start()).rejects.toThrow(/damaged or no SQLite file/);
    expect(statSync(databasePath(damaged)).size).toBe(8000);
  });
});

describe('files that no row speaks of', () => {
  async function storeWithOrphans(count: number) {
    const { ledger, path } = await openLedger();
    const { imagePath } = await recordFrame(ledger, 'a');
    await ledger.stop();
    const folder = join(path, 'images', imagePath ?? '', '..');
    for (let index = 0; index < count; index++) writeFileSync(join(folder, `0000-${index}.jpg`), 'x');
    writeFileSync(join(folder, '0001.jpg.tmp'), 'x');
    return path;
  }

  it('are swept at the start when a crash can have left them', async () => {
    const path = await storeWithOrphans(3);
    const { events } = await openLedger({ path });
    expect(events).toContainEqual({ kind: 'orphans_swept', files: 4 });
    expect(imageFiles(path)).toHaveLength(1);
  });

  it('are left when they are too many for a crash', async () => {
    const path = await storeWithOrphans(MAX_ORPHANS);
    const { events } = await openLedger({ path });
    expect(events).toContainEqual(expect.objectContaining({ kind: 'orphans_left', files: MAX_ORPHANS + 1 }));
    expect(imageFiles(path)).toHaveLength(MAX_ORPHANS + 2);
  });

  it('are left when the ledger itself is new: they are all that remains of a lost one', async () => {
    const path = await storeWithOrphans(3);
    for (const suffix of ['', '-wal', '-shm']) rmSync(databasePath(path) + suffix, { force: true });
    await openLedger({ path });
    expect(imageFiles(path)).toHaveLength(5);
  });
});
