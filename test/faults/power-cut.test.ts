/** The power goes while frames come. `kill -9` leaves the page cache alone, so it proves nothing about fsync; this does. */

import { afterEach, describe, expect, it } from 'vitest';
import { servicesOf, testSettings } from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { isLong, roundsOr, timeFor } from './support/length.ts';
import { toolAt } from './support/need.ts';
import { PowerCut } from './support/power-cut.ts';
import { type Plant, stage } from './support/staged.ts';

const gcc = toolAt('gcc', 'apt install gcc libc6-dev');
const start = servicesOf(afterEach);
const rounds = isLong ? Math.min(roundsOr(1), 20) : 1;

/** @returns what the store lacks that is left after the cut */
async function cutAfter(answers: number, more: readonly string[] = [], bin?: string): Promise<string[]> {
  const cut = new PowerCut(gcc ?? '');
  const settings = [...testSettings(cut.store), 'store.images.keep=all', ...more];
  const service = await start(settings, { env: cut.env, ...(bin === undefined ? {} : { bin }) });
  const books = new Books();
  const stop = new AbortController();
  const sending = books.sendUntil(service.addresses.grpc, stop.signal);
  await expect.poll(() => books.answered.size, { timeout: 30_000, interval: 5 }).toBeGreaterThan(answers);
  await service.end('SIGKILL');
  stop.abort();
  await sending;
  const left = cut.rebuild();
  const found = await books.complaints(left);
  if (found.length > 0) return found;
  // What is left is a store that a service takes up again.
  const next = await start([...testSettings(left), 'store.images.keep=all']);
  const ready = await next.get('/readyz');
  await next.end();
  return ready.status === 200 ? [] : [`not ready after the cut: ${ready.text}`];
}

const NO_SYNC_OF_IMAGES: Plant = { file: 'record/image-store.js', from: 'flush: true', to: 'flush: false' };
const NO_SYNC_OF_FOLDERS: Plant = {
  file: 'record/image-store.js',
  from: 'export async function syncFolder(folder) {',
  to: 'export async function syncFolder(folder) {\n    return;',
};

describe.skipIf(gcc === null || process.platform !== 'linux')('a power cut under load', () => {
  it(
    'takes no answered frame and no image of one',
    async () => {
      for (let round = 0; round < rounds; round++) {
        expect(await cutAfter(20 + Math.floor(Math.random() * 60))).toEqual([]);
      }
    },
    timeFor(rounds),
  );

  it('twin: a ledger that is not synced at each commit is found out', async () => {
    expect((await cutAfter(20, ['store.durability=normal'])).join('\n')).toMatch(/missing|cannot be (opened|read)/);
  }, 60_000);

  it.each([
    ['images that are not synced are found out', NO_SYNC_OF_IMAGES],
    ['folders that are not synced are found out', NO_SYNC_OF_FOLDERS],
  ])(
    'twin: %s',
    async (_name, plant) => {
      expect((await cutAfter(20, [], stage([plant]).bin)).join('\n')).toMatch(/image/);
    },
    60_000,
  );
});
