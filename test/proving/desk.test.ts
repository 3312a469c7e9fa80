/** The desk with real processes and files; only the ledger is a table here. */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedResult } from '../../src/frame/verdict.ts';
import { contractSha256 } from '../../src/model-repository/manifest.ts';
import { loadModelPackage, type ModelPackage } from '../../src/model-repository/package.ts';
import { Budget } from '../../src/proving/budget.ts';
import { ProvingDesk, type ProvingEvent, type ProvingOptions } from '../../src/proving/desk.ts';
import { recordedOf } from '../support/frames.ts';
import { greyImage, TINY_MODELS } from '../support/pool.ts';

let found: ModelPackage;
let bytes: Uint8Array;
beforeAll(async () => {
  found = await loadModelPackage(TINY_MODELS, 'mean-brightness', '1');
  ({ bytes } = await greyImage(230));
});
const running: ProvingDesk[] = [];
afterEach(() => {
  for (const desk of running.splice(0)) desk.stop();
});

function rowOf(over: Partial<Omit<RecordedResult, 'cameraId' | 'frameId'>> = {}): RecordedResult {
  const { name, version, sha256 } = found.manifest;
  return recordedOf({
    resultId: 'r1',
    verdict: 'FAIL',
    disposition: 'reject',
    defectProbability: 230 / 255,
    cuts: { passBelow: 0.4, failAbove: 0.6 },
    model: { name, version, sha256 },
    modelInput: { roi: null, contractSha256: contractSha256(found.manifest) },
    imagePath: 'r1.png',
    imageSha256: createHash('sha256').update(bytes).digest('hex'),
    ...over,
  });
}

function deskOf(rows: readonly RecordedResult[], over: Partial<ProvingOptions> = {}) {
  const store = mkdtempSync(path.join(tmpdir(), 'loupe-desk-'));
  const images = path.join(store, 'images');
  mkdirSync(images);
  for (const { imagePath } of rows) if (imagePath !== null) writeFileSync(path.join(images, imagePath), bytes);
  const events: ProvingEvent[] = [];
  const desk = new ProvingDesk({
    store,
    ledger: {
      get: async (resultId) => rows.find((row) => row.resultId === resultId) ?? null,
      fateOf: async () => 'stored',
      chainProof: async () => null,
      reviewsOf: async () => [],
    },
    loadPackage: (name, version) => loadModelPackage(TINY_MODELS, name, version),
    keepsHeatMaps: true,
    mayDecode: false,
    heatMapsPerMinute: 60,
    maxPixels: 1_000_000,
    startTimeoutMs: 30_000,
    onEvent: (event) => events.push(event),
    ...over,
  });
  running.push(desk);
  const outcomes = () => events.map((event) => (event.kind === 'heat_map_not_kept' ? event.kind : event.outcome));
  return { desk, images, events, outcomes };
}

describe('a replay at the desk', () => {
  it('decides again and reports what came of it', async () => {
    const { desk, events } = deskOf([rowOf(), rowOf({ resultId: 'r2', defectProbability: 0.7 })]);
    expect(await desk.replay('r1')).toMatchObject({ kind: 'same', provider: 'cpu', verdict: 'FAIL' });
    expect(await desk.replay('r2')).toMatchObject({ kind: 'different' });
    expect(events.map((event) => 'outcome' in event && event.outcome)).toEqual(['same', 'different']);
    await expect(desk.replay('r3')).rejects.toMatchObject({ code: 'result_not_found' });
  });

  it('fails openly where no process can do it', async () => {
    const { desk, outcomes } = deskOf([rowOf()], { startTimeoutMs: 1 });
    await expect(desk.replay('r1')).rejects.toMatchObject({ code: 'internal' });
    expect(outcomes()).toEqual(['failed']);
  });
});

describe('heat maps at the desk', () => {
  it('are made once, kept beside the picture, and given from there', async () => {
    const { desk, images, outcomes } = deskOf([rowOf()]);
    await expect(desk.heatMap('r1', false)).rejects.toMatchObject({ code: 'result_not_found' });
    const [first, second] = await Promise.all([desk.heatMap('r1', true), desk.heatMap('r1', true)]);
    expect(first).toMatchObject({ method: 'occlusion', columns: 8, rows: 8 });
    expect(second).toBe(first);
    expect(await desk.heatMap('r1', false)).toEqual(first);
    expect(outcomes()).toEqual(['made']);
    expect(readdirSync(images).sort()).toEqual(['r1.heat.json', 'r1.png']);
  });

  it('that nobody waits for are given up without a fault where the service ends', async () => {
    const { desk, outcomes } = deskOf([rowOf()]);
    desk.offer(rowOf());
    desk.stop();
    await expect.poll(outcomes).toEqual(['skipped']);
  });

  it('are made anew where the file is cut off or of another model', async () => {
    const { desk, images, outcomes } = deskOf([rowOf()]);
    const heatMap = await desk.heatMap('r1', true);
    const file = path.join(images, 'r1.heat.json');
    const text = readFileSync(file, 'utf8');
    for (const spoiled of [text.slice(0, 40), text.replace(found.manifest.sha256, 'a'.repeat(64)), '{}']) {
      writeFileSync(file, spoiled);
      expect(await desk.heatMap('r1', true)).toEqual(heatMap);
    }
    expect(outcomes()).toEqual(['made', 'made', 'made', 'made']);
  });

  it('say why there can be none', async () => {
    const { desk, images, outcomes } = deskOf([
      rowOf({ imagePath: null }),
      rowOf({ resultId: 'r2', modelInput: null }),
      rowOf({ resultId: 'r3', imagePath: 'r3.png' }),
    ]);
    rmSync(path.join(images, 'r3.png'));
    for (const [id, why] of [
      ['r1', /not kept/],
      ['r2', /region of interest/],
      ['r3', /ENOENT/],
    ] as const) {
      const refused = desk.heatMap(id, true);
      await expect(refused).rejects.toMatchObject({ code: 'not_replayable' });
      await expect(refused).rejects.toThrow(why);
    }
    expect(outcomes()).toEqual(['failed', 'failed', 'failed']);
  });

  it.skipIf(process.getuid?.() === 0)('are given all the same where they cannot be kept', async () => {
    const { desk, images, outcomes } = deskOf([rowOf()]);
    chmodSync(images, 0o500);
    expect(await desk.heatMap('r1', true)).toMatchObject({ method: 'occlusion' });
    expect(outcomes()).toEqual(['made', 'heat_map_not_kept']);
  });

  it('leave nothing behind where retention took the picture meanwhile', async () => {
    const { desk, images } = deskOf([rowOf()]);
    const making = desk.heatMap('r1', true);
    // The picture is read within the first moments, long before the process has loaded its model.
    await new Promise((resolve) => setTimeout(resolve, 100));
    rmSync(path.join(images, 'r1.png'));
    await making;
    await expect.poll(() => readdirSync(images)).toEqual([]);
  });
});

describe('what nobody asked for', () => {
  it('is made for FAIL and REVIEW whose picture is kept, within the budget', async () => {
    const rows = ['r1', 'r2', 'r3'].map((resultId) => rowOf({ resultId, imagePath: `${resultId}.png` }));
    const [first = rowOf(), second = rowOf(), third = rowOf()] = rows;
    const { desk, images, outcomes } = deskOf(rows, { heatMapsPerMinute: 3 });
    desk.offer({ ...second, verdict: 'PASS' });
    desk.offer({ ...second, verdict: 'UNINSPECTED' });
    desk.offer({ ...second, imagePath: null });
    expect(outcomes()).toEqual([]);
    desk.offer({ ...first, verdict: 'REVIEW' });
    desk.offer(third);
    expect(outcomes()).toEqual(['skipped']);
    await expect.poll(() => existsSync(path.join(images, 'r1.heat.json')), { timeout: 20_000 }).toBe(true);
    expect(outcomes()).toEqual(['skipped', 'made']);
  });

  it('is left undone with a budget of nothing, and where the line is full', async () => {
    const none = deskOf([rowOf()], { heatMapsPerMinute: 0 });
    none.desk.offer(rowOf());
    expect(none.outcomes()).toEqual([]);
    const rows = Array.from({ length: 12 }, (_, i) => rowOf({ resultId: `r${i}`, imagePath: `r${i}.png` }));
    const { desk, outcomes } = deskOf(rows, { heatMapsPerMinute: 600 });
    for (const row of rows) desk.offer(row);
    const counted = () => [
      outcomes().filter((o) => o === 'made').length,
      outcomes().filter((o) => o === 'skipped').length,
    ];
    // One at work, eight waiting.
    await expect.poll(counted, { timeout: 30_000 }).toEqual([9, 3]);
  });
});

describe('the budget', () => {
  it('gives evenly, saves up a third of a minute and no more', () => {
    let now = 0;
    const budget = new Budget(6, () => now);
    const taken = () => [budget.take(), budget.take(), budget.take()];
    expect(taken()).toEqual([true, true, false]);
    now += 10_000;
    expect(taken()).toEqual([true, false, false]);
    now += 3_600_000;
    expect(taken()).toEqual([true, true, false]);
    expect(new Budget(0, () => now).take()).toBe(false);
    expect(new Budget(1, () => now).take()).toBe(true);
  });
});
