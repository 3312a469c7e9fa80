import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Disagreement } from '../../src/frame/shadows.ts';
import { DisagreementStore } from '../../src/shadow/disagreement-store.ts';

let recipe = '';
beforeEach(() => {
  recipe = path.join(mkdtempSync(path.join(tmpdir(), 'loupe-shadow-')), 'default');
});

const found: Disagreement = {
  resultId: '01900000-0000-7000-8000-000000000001',
  recipe: 'default',
  cameraId: 'cam-1',
  frameId: 'a',
  partId: null,
  receivedAt: 1_790_000_000_000,
  imageMediaType: 'image/png',
  activeModel: 'plate/1',
  active: { verdict: 'PASS', probability: 0.1 },
  candidateModel: 'plate/2',
  candidate: { verdict: 'FAIL', probability: 0.9 },
};
const files = () =>
  readdirSync(recipe, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(path.relative(recipe, entry.parentPath), path.extname(entry.name)))
    .sort();

describe('the pictures that a shadow differs on', () => {
  it('are those of one candidate: what was kept of others does not fill the disk', async () => {
    for (const [name, version] of [
      ['plate', '2'],
      ['plate', '3'],
      ['other', '1'],
    ] as const) {
      await new DisagreementStore(recipe, { name, version }).keep(found, new Uint8Array(3));
    }
    const store = new DisagreementStore(recipe, { name: 'plate', version: '3' });
    await store.forgetOthers();
    expect(files()).toEqual(['plate/3/.json', 'plate/3/.png']);
    expect(await store.list(10)).toMatchObject([{ resultId: found.resultId }]);
  });

  it('are the newest 500, and nothing older stays, a picture without what was said of it either', async () => {
    const store = new DisagreementStore(recipe, { name: 'plate', version: '2' });
    const folder = path.join(recipe, 'plate', '2');
    mkdirSync(folder, { recursive: true });
    const idOf = (n: number) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`;
    for (let n = 10; n < 510; n++) {
      writeFileSync(path.join(folder, `${idOf(n)}.png`), '');
      writeFileSync(path.join(folder, `${idOf(n)}.json`), JSON.stringify({ ...found, resultId: idOf(n) }));
    }
    for (const name of [`${idOf(2)}.png`, `${idOf(3)}.json.tmp`, `${idOf(600)}.png`])
      writeFileSync(path.join(folder, name), '');
    await store.keep({ ...found, resultId: idOf(700) }, new Uint8Array(3));
    const kept = readdirSync(folder).sort();
    expect(kept).toHaveLength(2 * 500 + 1);
    expect(kept.slice(0, 2)).toEqual([`${idOf(11)}.json`, `${idOf(11)}.png`]);
    expect(await store.list(1)).toMatchObject([{ resultId: idOf(700) }]);
  });

  it('are none at first, and nothing is to be forgotten then', async () => {
    const store = new DisagreementStore(recipe, { name: 'plate', version: '2' });
    await store.forgetOthers();
    expect(await store.list(10)).toEqual([]);
  });
});
