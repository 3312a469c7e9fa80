import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { RecordedResult } from '../../src/frame/verdict.ts';
import { backUp } from '../../src/record/backup.ts';
import { openForWriting } from '../../src/record/database.ts';
import { restore } from '../../src/record/restore.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { openLedger, recordFrame, storeFolder } from './support.ts';

async function storeOf(rows: number) {
  const { ledger, path } = await openLedger();
  const results: RecordedResult[] = [];
  for (let i = 1; i <= rows; i++) results.push(await recordFrame(ledger, `f${i}`, {}, `image ${i}`));
  const imageOf = (row: number) => join(path, 'images', results[row - 1]?.imagePath ?? '');
  return { ledger, path, results, imageOf, last: results.at(-1) };
}

describe('backup and restore', () => {
  it('give the same store again: rows, chain, images, outbox', async () => {
    const { ledger, path, results, last } = await storeOf(7);
    await ledger.enqueue(results[0]?.resultId ?? '', [{ topic: 'a/b', correlationData: null }]);
    const to = join(storeFolder(), 'backup.tar');
    expect(await backUp(path, to)).toEqual({
      file: to,
      rows: 7,
      images: 7,
      bytes: statSync(to).size,
      removedMeanwhile: 0,
      missing: 0,
    });
    const copy = join(storeFolder(), 'new');
    expect(await restore(to, copy)).toEqual({ images: 7 });
    expect(await verifyStore(copy)).toEqual(await verifyStore(path));
    expect(await verifyStore(copy)).toMatchObject({ ok: true, rows: 7, outbox: 1, chainHash: last?.chainHash });
    const again = await openLedger({ path: copy });
    expect((await recordFrame(again.ledger, 'f8')).ledgerSeq).toBe(8);
  });

  it('carry the journals and the baselines, without which a restored store would serve other models and cuts, and take drift for usual', async () => {
    const { path } = await storeOf(1);
    const journal = '{"to":"2"}\n';
    for (const name of ['activations.jsonl', 'cuts.jsonl', 'shadows.jsonl', 'drift.json'])
      writeFileSync(join(path, name), name + journal);
    const to = join(storeFolder(), 'backup.tar');
    await backUp(path, to);
    const copy = join(storeFolder(), 'new');
    expect(await restore(to, copy)).toEqual({ images: 1 });
    for (const name of ['activations.jsonl', 'cuts.jsonl', 'shadows.jsonl', 'drift.json']) {
      expect(readFileSync(join(copy, name), 'utf8')).toBe(name + journal);
    }
    expect(await verifyStore(copy)).toMatchObject({ ok: true, rows: 1 });
  });

  it('are consistent while the service writes and retention deletes', async () => {
    const { ledger, path } = await storeOf(40);
    const over = new AbortController();
    const line = (async () => {
      for (let i = 0; !over.signal.aborted; i++) await recordFrame(ledger, `during-${i}`);
    })();
    const backups = [];
    for (let i = 0; i < 3; i++) {
      const to = join(storeFolder(), 'backup.tar');
      backups.push({ to, ...(await backUp(path, to)) });
    }
    over.abort();
    await line;
    for (const { to, rows, missing } of backups) {
      const copy = storeFolder();
      await restore(to, copy);
      expect(await verifyStore(copy)).toMatchObject({ ok: true, rows, findings: [] });
      expect(missing).toBe(0);
    }
    expect(backups[2]?.rows).toBeGreaterThan(backups[0]?.rows ?? 0);
  });

  it('have an image as removed that retention took between the snapshot and its turn', async () => {
    const { ledger, path, imageOf } = await storeOf(3);
    await ledger.stop();
    const to = join(storeFolder(), 'backup.tar');
    const report = await backUp(path, to, {
      onProgress: ({ images }) => {
        if (images !== 1 || !existsSync(imageOf(3))) return;
        const { database } = openForWriting(path, 'full');
        database.exec(`DELETE FROM stored_images WHERE ledger_seq = 3;
        INSERT INTO image_removals VALUES (3, 1, 'age', 1)`);
        database.close();
        rmSync(imageOf(3));
      },
    });
    expect(report).toMatchObject({ images: 2, removedMeanwhile: 1, missing: 0 });
    const copy = storeFolder();
    await restore(to, copy);
    expect(await verifyStore(copy)).toMatchObject({ ok: true, images: { checked: 2, removed: 1 } });
  });

  it('say that an image was missing, and hold everything else', async () => {
    const { ledger, path, imageOf } = await storeOf(3);
    await ledger.stop();
    rmSync(imageOf(2));
    const to = join(storeFolder(), 'backup.tar');
    expect(await backUp(path, to)).toMatchObject({ rows: 3, images: 2, missing: 1 });
    const copy = storeFolder();
    await restore(to, copy);
    expect((await verifyStore(copy)).findings.map(({ kind }) => kind)).toEqual(['image_missing']);
  });

  it('are plain tar: any tar program lists and unpacks it', async () => {
    const { path } = await storeOf(2);
    const to = join(storeFolder(), 'backup.tar');
    await backUp(path, to);
    const names = execFileSync('tar', ['-tf', to], { encoding: 'utf8' }).trim().split('\n');
    expect(names.at(-1)).toBe('ledger.db');
    expect(names).toHaveLength(3);
  });
});

describe('backup', () => {
  it('overwrites nothing and leaves nothing behind where it fails', async () => {
    const { path } = await storeOf(1);
    const folder = storeFolder();
    const to = join(folder, 'backup.tar');
    writeFileSync(to, 'precious');
    await expect(backUp(path, to)).rejects.toThrow('exists');
    await expect(backUp(storeFolder(), join(folder, 'b.tar'))).rejects.toThrow('does not exist');
    expect(readdirSync(folder)).toEqual(['backup.tar']);
  });
});

describe('a backup that is given up', () => {
  it('leaves nothing behind, above all no snapshot with the sessions of people', async () => {
    const { path } = await storeOf(3);
    const folder = storeFolder();
    const giving = new AbortController();
    const onProgress = () => giving.abort(new Error('given up'));
    const given = backUp(path, join(folder, 'backup.tar'), { onProgress, signal: giving.signal });
    await expect(given).rejects.toThrow('given up');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('restore', () => {
  it('refuses a folder that holds something', async () => {
    const { path } = await storeOf(1);
    const to = join(storeFolder(), 'backup.tar');
    await backUp(path, to);
    await expect(restore(to, path)).rejects.toThrow('not empty');
  });

  it('leaves nothing where the file was cut short, wherever, so that the whole one finds the folder empty', async () => {
    const { path } = await storeOf(3);
    const to = join(storeFolder(), 'backup.tar');
    const { bytes } = await backUp(path, to);
    for (const kept of [bytes - 2048, bytes / 2, 1500, 512, 0]) {
      const cut = join(storeFolder(), 'cut.tar');
      cpSync(to, cut);
      truncateSync(cut, Math.floor(kept));
      const copy = storeFolder();
      await expect(restore(cut, copy), `${kept} bytes`).rejects.toThrow('cut short');
      expect(readdirSync(copy), `${kept} bytes`).toEqual([]);
      expect(await restore(to, copy)).toEqual({ images: 3 });
    }
  });

  it.each(['../evil', '/etc/evil', 'images/../../evil.jpg', 'images/2026/11/24/03/..', 'ledger.db-wal'])(
    'refuses a file that holds %j',
    async (name) => {
      const folder = storeFolder();
      const file = join(folder, 'evil.tar');
      const tar = pack();
      tar.entry({ name }, 'x');
      tar.finalize();
      for await (const chunk of tar) appendFileSync(file, chunk);
      mkdirSync(join(folder, 'store'));
      await expect(restore(file, join(folder, 'store'))).rejects.toThrow('no backup of Loupe');
      expect(readdirSync(folder).sort()).toEqual(['evil.tar', 'store']);
    },
  );

  it('refuses a link', async () => {
    const file = join(storeFolder(), 'evil.tar');
    const tar = pack();
    tar.entry({ name: 'ledger.db', type: 'symlink', linkname: '/etc/passwd' });
    tar.finalize();
    for await (const chunk of tar) appendFileSync(file, chunk);
    await expect(restore(file, storeFolder())).rejects.toThrow('no backup of Loupe');
  });
});
