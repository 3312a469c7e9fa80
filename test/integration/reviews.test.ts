/** The queue of reviews and what is mixed into it; judged pictures to a labelled folder, and back into the commands that read one. */

import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLabelledFolder } from '../../src/training/labelled-folder.ts';
import { emptyFolder, loupe, ServiceProcess, TEST_MODELS, testSettings } from '../support/service-process.ts';

const GOLDEN = path.join(TEST_MODELS, 'mean-brightness', '1', 'golden');
const store = emptyFolder();
let service: ServiceProcess;

async function judged(frame: string, golden: string, label: string | null, part: string | null): Promise<string> {
  const query = new URLSearchParams({
    camera_id: 'cam-1',
    frame_id: frame,
    ...(part === null ? {} : { part_id: part }),
  });
  const sent = await fetch(`${service.addresses.http}/api/v1/frames?${query.toString()}`, {
    method: 'POST',
    body: readFileSync(path.join(GOLDEN, golden)),
    headers: { 'content-type': 'image/png' },
  });
  const { resultId } = (await sent.json()) as { resultId: string };
  if (label === null) return resultId;
  const said = await fetch(`${service.addresses.http}/api/v1/results/${resultId}/reviews`, {
    method: 'POST',
    body: JSON.stringify({ label, reviewer: 'ann', defectClass: label === 'ng' ? 'dent' : null }),
    headers: { 'content-type': 'application/json' },
  });
  expect(said.status).toBe(200);
  return resultId;
}

beforeAll(async () => {
  service = await ServiceProcess.start([...testSettings(store), 'store.images.keep=all', 'review.passed=0.5']);
});
afterAll(() => service.end('SIGKILL'));

describe('the queue of reviews', { timeout: 60_000 }, () => {
  it('brings passed parts now and then, and none where nothing has to be judged', async () => {
    const queue = async () => {
      const { results } = JSON.parse((await service.get('/api/v1/reviews/queue')).text) as {
        results: { verdict: string; resultId: string }[];
      };
      return results;
    };
    const passed = await judged('q-1', 'grey-51.png', null, null);
    expect(await queue()).toEqual([]);
    const failed = await judged('q-2', 'grey-204.png', null, null);
    const seen = new Set<string>();
    await expect
      .poll(async () => {
        for (const { resultId } of await queue()) seen.add(resultId);
        return [...seen].sort();
      })
      .toEqual([passed, failed].sort());
    const say = { method: 'POST', body: '{"label":"unsure","reviewer":"ann"}' };
    const headers = { 'content-type': 'application/json' };
    for (const id of [passed, failed]) {
      await fetch(`${service.addresses.http}/api/v1/results/${id}/reviews`, { ...say, headers });
    }
    expect(await queue()).toEqual([]);
  });
});

describe('loupe reviews export', { timeout: 60_000 }, () => {
  it('gives a folder that evaluate reads, beside the running service, and says what it left out', async () => {
    const good = await judged('f-1', 'grey-51.png', 'ok', '=part, 1');
    const bad = await judged('f-2', 'grey-204.png', 'ng', '=part, 1');
    await judged('f-3', 'grey-102.png', 'unsure', null);
    await judged('f-4', 'grey-102.png', null, null);
    const gone = await judged('f-5', 'grey-102.png', 'ok', null);
    const images = readdirSync(path.join(store, 'images'), { recursive: true, encoding: 'utf8' });
    rmSync(path.join(store, 'images', images.find((name) => name.includes(gone)) ?? ''));

    const to = path.join(emptyFolder(), 'judged');
    const done = await loupe(['reviews', 'export', '--store', store, '--to', to]);
    expect([done.code, done.stderr]).toEqual([0, '']);
    expect(done.stdout).toContain('1 good, 1 defective\nleft out: 1 without a picture');
    const { images: read, hasGroups } = await readLabelledFolder(to);
    expect(hasGroups).toBe(true);
    expect(read.map(({ isDefective, kind, group }) => [isDefective, kind, group])).toEqual([
      [false, 'ok', "'=part, 1"],
      [true, 'dent', "'=part, 1"],
    ]);
    expect(readFileSync(path.join(to, 'manifest.csv'), 'utf8')).toContain(good);
    expect(readdirSync(path.join(to, 'ng'))).toEqual([`${bad}.png`]);
    const evaluated = await loupe([
      'evaluate',
      '--model',
      'mean-brightness',
      '--data',
      to,
      '--json',
      '--set',
      `models.path=${TEST_MODELS}`,
      '--set',
      'engine.provider=cpu',
    ]);
    expect([evaluated.code, evaluated.stderr]).toEqual([0, expect.anything()]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ escapes: 0 });

    const again = await loupe(['reviews', 'export', '--store', store, '--to', to]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is not empty')]);
    const later = path.join(emptyFolder(), 'later');
    const none = await loupe(['reviews', 'export', '--store', store, '--to', later, '--camera', 'other']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('nothing that was judged')]);
    expect(existsSync(later)).toBe(false);
    const mixed = emptyFolder();
    writeFileSync(path.join(mixed, 'notes.txt'), 'mine');
    const refused = await loupe(['reviews', 'export', '--store', store, '--to', mixed]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is not empty')]);
    expect(readdirSync(mixed)).toEqual(['notes.txt']);
    const noStore = await loupe(['reviews', 'export', '--store', emptyFolder(), '--to', emptyFolder()]);
    expect([noStore.code, noStore.stderr]).toEqual([1, expect.stringContaining('does not exist')]);
  });

  it('leaves out a picture that is not the one that was judged, and fails', async () => {
    const changed = await judged('f-6', 'grey-204.png', 'ng', null);
    const images = readdirSync(path.join(store, 'images'), { recursive: true, encoding: 'utf8' });
    appendFileSync(path.join(store, 'images', images.find((name) => name.includes(changed)) ?? ''), 'x');
    const done = await loupe(['reviews', 'export', '--store', store, '--to', path.join(emptyFolder(), 'x'), '--json']);
    expect([done.code, done.stderr]).toEqual([1, expect.stringContaining('1 pictures are damaged')]);
    expect(JSON.parse(done.stdout)).toMatchObject({ damaged: 1 });
  });
});
