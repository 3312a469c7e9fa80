/** A disk that fills up or turns read-only under load, below the whole service. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { emptyFolder, servicesOf, testSettings } from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { isLong, roundsOr, timeFor } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const rounds = isLong ? Math.min(50, roundsOr(1)) : 1;
const PATIENT = { timeout: 20_000 };

/** Takes the disk away and gives it back. */
interface Trouble {
  begin(store: string): void;
  end(store: string): void;
}

const FULL: Trouble = {
  begin: (store) => void spawnSync('dd', ['if=/dev/zero', `of=${store}/../filler`, 'bs=4k']),
  end: (store) => rmSync(`${store}/../filler`),
};

const READ_ONLY: Trouble = {
  begin: (store) => {
    const images = path.join(store, 'images');
    insist('mount', ['--bind', images, images]);
    insist('mount', ['-o', 'remount,bind,ro', images]);
  },
  end: (store) => insist('umount', [path.join(store, 'images')]),
};

/** A file that the service is just writing makes the mount busy: a moment later it is not. */
function insist(command: string, args: readonly string[]): void {
  for (let attempt = 1; ; attempt++) {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) return;
    if (attempt === 200) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
    spawnSync('sleep', ['0.02']);
  }
}

const canMount = mountable();
if (!canMount) console.warn('SKIPPED: full and read-only disks need the right to mount a tmpfs');

function mountSmallDisk(): string | null {
  const disk = emptyFolder('loupe-disk-');
  // Every image is kept: room for those of all rounds.
  const size = `size=${10 + 6 * rounds}m`;
  return spawnSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', disk]).status === 0 ? disk : null;
}

function mountable(): boolean {
  const disk = mountSmallDisk();
  if (disk !== null) spawnSync('umount', [disk]);
  return disk !== null;
}

async function through(trouble: Trouble, bin?: string): Promise<string[]> {
  const disk = mountSmallDisk() ?? '';
  onTestFinished(() => void spawnSync('umount', ['-l', disk]));
  const store = path.join(disk, 'store');
  mkdirSync(store);
  const settings = [...testSettings(store), 'store.images.keep=all', 'store.retention.min_free_bytes=0'];
  const service = await start(settings, bin === undefined ? {} : { bin });
  const books = new Books();
  const stop = new AbortController();
  const sending = books.sendUntil(service.addresses.grpc, stop.signal);
  const moreAnswers = (than: number) => expect.poll(() => books.answered.size, PATIENT).toBeGreaterThan(than + 20);
  for (let round = 0; round < rounds; round++) {
    await moreAnswers(books.answered.size);
    const refusals = books.refusals;
    trouble.begin(store);
    await expect.poll(async () => (await service.get('/readyz')).status, PATIENT).toBe(503);
    await expect.poll(() => books.refusals, PATIENT).toBeGreaterThan(refusals);
    trouble.end(store);
    await expect.poll(async () => (await service.get('/readyz')).status, { timeout: 30_000 }).toBe(200);
    await moreAnswers(books.answered.size);
  }
  stop.abort();
  await sending;
  await service.end();
  return books.complaints(store);
}

const ANSWERS_ALL_THE_SAME: Plant = {
  file: 'pipeline.js',
  from: "return refuse('store_unavailable', recorded.detail);",
  to: "return { kind: 'answered', result: { ...decision, ledgerSeq: 1, chainHash: '', imagePath: null }, duplicate: false };",
};

describe.skipIf(!canMount)('under load, a disk', () => {
  it.each([
    ['that is full', FULL],
    ['that turned read-only', READ_ONLY],
  ])(
    '%s loses no answered frame, and the line recovers by itself',
    async (_name, trouble) => {
      expect(await through(trouble)).toEqual([]);
    },
    timeFor(rounds),
  );

  it(
    'twin: a service that answers what it could not write is found out',
    async () => {
      const found = await through(READ_ONLY, stage([ANSWERS_ALL_THE_SAME]).bin);
      expect(found.join('\n')).toMatch(/missing in the ledger|answered another row|differently/);
    },
    timeFor(rounds),
  );
});
