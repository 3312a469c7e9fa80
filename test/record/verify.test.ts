import { execFileSync } from 'node:child_process';
import { rmSync, utimesSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RecordedResult } from '../../src/frame/verdict.ts';
import { databasePath, openForWriting } from '../../src/record/database.ts';
import { GENESIS_HASH } from '../../src/record/chain.ts';
import { StoreReader } from '../../src/record/store-reader.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { decisionOf, imageOf, openLedger, recordFrame, storeFolder } from './support.ts';

/** A closed store of five rows; its last row and image are FAIL. */
async function fiveRows() {
  const { ledger, path } = await openLedger();
  const rows: RecordedResult[] = [];
  for (let index = 1; index <= 5; index++) {
    rows.push(await recordFrame(ledger, `f${index}`, { verdict: index === 5 ? 'FAIL' : 'PASS' }, `image ${index}`));
  }
  await ledger.enqueue(rows[0]?.resultId ?? '', [{ topic: null, correlationData: null }]);
  await ledger.stop();
  return { path, rows, imageOfRow: (seq: number) => join(path, 'images', rows[seq - 1]?.imagePath ?? '') };
}

function damage(path: string, sql: string): void {
  const { database } = openForWriting(path, 'full');
  database.pragma('foreign_keys = OFF');
  database.pragma('ignore_check_constraints = ON');
  database.exec(sql);
  database.close();
}

const kindsOf = async (path: string) =>
  (await verifyStore(path)).findings.map(({ kind, ledgerSeq }) => [kind, ledgerSeq]);

describe('verify', () => {
  it('finds nothing wrong with a store that nothing happened to', async () => {
    const { path, rows } = await fiveRows();
    expect(await verifyStore(path)).toEqual({
      ok: true,
      audit: { rows: 0, chainHash: GENESIS_HASH },
      rows: 5,
      lastLedgerSeq: 5,
      chainHash: rows[4]?.chainHash,
      verdicts: { PASS: 4, FAIL: 1 },
      images: { checked: 5, bytes: 35, removed: 0, orphans: 0, temporary: 0 },
      outbox: 1,
      findings: [],
      problems: 0,
    });
  });

  it('accepts an empty ledger', async () => {
    const { ledger, path } = await openLedger();
    await ledger.stop();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 0, chainHash: GENESIS_HASH });
  });

  it('names the first row that was edited', async () => {
    const { path } = await fiveRows();
    damage(path, 'UPDATE results SET defect_probability = 0.01 WHERE ledger_seq = 3');
    expect(await kindsOf(path)).toEqual([['chain_broken', 3]]);
  });

  it('finds a verdict that was turned, also in the counters', async () => {
    const { path } = await fiveRows();
    damage(path, "UPDATE results SET verdict = 'PASS' WHERE ledger_seq = 5");
    expect(await kindsOf(path)).toEqual([
      ['chain_broken', 5],
      ['counter_wrong', null],
      ['counter_wrong', null],
    ]);
  });

  it('finds a row whose verdict contradicts its reason or its disposition', async () => {
    const { path } = await fiveRows();
    damage(
      path,
      "UPDATE results SET reason = 'queue_full' WHERE ledger_seq = 2; UPDATE results SET disposition = 'accept' WHERE ledger_seq = 5",
    );
    const kinds = await kindsOf(path);
    expect(kinds).toContainEqual(['row_contradicts', 2]);
    expect(kinds).toContainEqual(['row_contradicts', 5]);
  });

  it('finds a PASS of what its model has learned nothing of', async () => {
    const { path } = await fiveRows();
    damage(path, 'UPDATE results SET unfamiliarity = 0.5 WHERE ledger_seq = 2');
    expect(await kindsOf(path)).toEqual([
      ['chain_broken', 2],
      ['row_contradicts', 2],
    ]);
  });

  it('finds a row that was taken out of the middle', async () => {
    const { path } = await fiveRows();
    damage(path, 'DELETE FROM stored_images WHERE ledger_seq = 3; DELETE FROM results WHERE ledger_seq = 3');
    expect(await kindsOf(path)).toEqual([
      ['gap', 3],
      ['chain_broken', 4],
      ['counter_wrong', null],
    ]);
  });

  it('finds a row that was cut off the end', async () => {
    const { path } = await fiveRows();
    damage(path, 'DELETE FROM stored_images WHERE ledger_seq = 5; DELETE FROM results WHERE ledger_seq = 5');
    expect(await kindsOf(path)).toEqual([['counter_wrong', null]]);
  });

  it('finds an image that was deleted, one that was altered and one that was cut', async () => {
    const { path, imageOfRow } = await fiveRows();
    rmSync(imageOfRow(1));
    writeFileSync(imageOfRow(2), 'imagE 2');
    writeFileSync(imageOfRow(5), 'ima');
    expect(await kindsOf(path)).toEqual([
      ['image_missing', 1],
      ['image_altered', 2],
      ['image_altered', 5],
    ]);
  });

  it('finds every image missing when the folder is gone', async () => {
    const { path } = await fiveRows();
    rmSync(join(path, 'images'), { recursive: true });
    expect((await kindsOf(path)).filter(([kind]) => kind === 'image_missing')).toHaveLength(5);
  });

  it('finds an image that is neither stored nor removed, and an outbox message about no row', async () => {
    const { path } = await fiveRows();
    damage(path, 'DELETE FROM stored_images WHERE ledger_seq = 4; UPDATE outbox SET ledger_seq = 99');
    expect(await kindsOf(path)).toEqual([
      ['outbox_without_row', null],
      ['image_unaccounted', 4],
    ]);
  });

  it('counts files without a row apart, and calls them no fault', async () => {
    const { path } = await fiveRows();
    const folder = join(path, 'images/2020/01/02/03');
    mkdirSync(folder, { recursive: true });
    for (const name of ['0198.jpg', '0199.png', '0200.jpg.tmp']) {
      writeFileSync(join(folder, name), 'x');
      utimesSync(join(folder, name), 1, 1);
    }
    const report = await verifyStore(path);
    expect(report.ok).toBe(true);
    expect(report.images).toMatchObject({ orphans: 2, temporary: 1 });
  });

  it('says which pages are damaged, or that the file is no ledger', async () => {
    const { path } = await fiveRows();
    writeFileSync(databasePath(path), 'this is no database at all, but a text that somebody put here'.repeat(100));
    await expect(verifyStore(path)).rejects.toThrow(/damaged or no SQLite file/);
    await expect(verifyStore(storeFolder())).rejects.toThrow(/does not exist; expected a store folder/);
  });

  it('reads beside a running service and on a copy of its files', async () => {
    const { ledger, path } = await openLedger();
    await recordFrame(ledger, 'a');
    const reader = new StoreReader(path);
    await recordFrame(ledger, 'b');
    expect(reader.query({ limit: 10 }).map((row) => row.frameId)).toEqual(['b', 'a']);
    expect(reader.lastLedgerSeq()).toBe(2);
    reader.close();
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 2 });
    const copy = join(storeFolder(), 'copy');
    // By another process: closing a file here would drop SQLite's locks on it (POSIX).
    execFileSync('cp', ['-r', path, copy]);
    expect(await verifyStore(copy)).toMatchObject({ ok: true, rows: 2 });
    await ledger.record(decisionOf('c'), imageOf('c'), []);
    expect(await verifyStore(path)).toMatchObject({ ok: true, rows: 3 });
    expect(existsSync(join(copy, 'images'))).toBe(true);
  });
});
