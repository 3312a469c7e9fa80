import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownImagesOf, markedImages } from '../../src/commands/training/seen.ts';
import { judge } from '../../src/decide/decide.ts';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { nextPart } from '../../src/demo/part-stream.ts';
import { inForm } from '../../src/engine/contract.ts';
import { isUnfamiliar } from '../../src/frame/score.ts';
import { listModels, loadModelPackage } from '../../src/model-repository/package.ts';
import { readHeldOut, seenAmong } from '../../src/training/seen-images.ts';
import { type Bench, benchOf, SHIPPED_MODELS } from '../support/pool.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await benchOf('plate-demo', {}, SHIPPED_MODELS);
  await bench.pool.start();
});
afterAll(() => bench.pool.stop());

/** What a camera sees with its lens covered, without light, without gain, against a wall. */
function strangers(): Record<string, Promise<Uint8Array>> {
  const size = 96;
  const drawn = (grey: (x: number, y: number) => number) => {
    const pixels = Buffer.alloc(size * size * 3);
    for (let i = 0; i < pixels.length; i++) {
      const at = Math.floor(i / 3);
      pixels[i] = Math.min(255, Math.max(0, grey(at % size, Math.floor(at / size))));
    }
    return encodeJpeg(pixels, size);
  };
  let state = 1;
  // Park and Miller: the same noise each time.
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return {
    black: drawn(() => 0),
    grey: drawn(() => 128),
    white: drawn(() => 255),
    dark_noise: drawn(() => 6 * random()),
    noise: drawn(() => 255 * random()),
    shade: drawn((x) => 60 + x),
    ring: drawn((x, y) => 200 - 2 * Math.hypot(x - size / 2, y - size / 2)),
  };
}

/** However loose the cuts. */
const LOOSE = { passBelow: 0.9, failAbove: 0.9 };

async function passedOf(pictures: Record<string, Promise<Uint8Array>>, { submit }: Bench) {
  const passed: string[] = [];
  for (const [name, bytes] of Object.entries(pictures)) {
    const result = await submit({ kind: 'encoded', bytes: await bytes });
    if (result.kind !== 'scored') throw new Error(result.detail);
    if (judge(result, LOOSE).verdict === 'PASS') passed.push(`${name} ${result.probability}`);
  }
  return passed;
}

describe('the shipped model for solar modules', () => {
  for (const variant of [null, 'int8']) {
    it(`gives in an engine what it gave in training: ${variant ?? 'model.onnx'}`, async () => {
      const { engineModel, manifest } = await loadModelPackage(SHIPPED_MODELS, 'solar-module-ir', '1');
      expect(manifest.training_data.licence).toBe('MIT');
      expect(manifest.metrics['accuracy']?.value).toBeGreaterThan(0.925);
      expect(manifest.metrics['calibration_error']?.value).toBeLessThan(0.03);
      const model = inForm(engineModel, variant);
      if (model === null) throw new Error(`no ${variant}`);
      const solar = await benchOf('solar-module-ir', { model }, SHIPPED_MODELS);
      try {
        await solar.pool.start();
        expect(solar.pool.status()).toMatchObject({ variant, down: null });
        // The golden scores are those of PyTorch on packed pixels.
        const { maxError } = solar.pool.status().golden ?? {};
        expect(maxError).toBeLessThan(variant === null ? 1e-4 : manifest.golden_tolerance);
        expect(await passedOf(strangers(), solar)).toEqual([]);
      } finally {
        await solar.pool.stop();
      }
    });
  }

  it('says what it has seen, and its golden images are held out', async () => {
    const folder = path.join(SHIPPED_MODELS, 'solar-module-ir', '1');
    const { manifest } = await loadModelPackage(SHIPPED_MODELS, 'solar-module-ir', '1');
    const known = await knownImagesOf(folder);
    if (known?.kind !== 'seen') throw new Error('no report/seen.csv');
    const heldOut = readHeldOut(await readFile(path.join(folder, 'report', 'test.csv'), 'utf8'));
    if (heldOut.kind !== 'held_out') throw new Error('no report/test.csv');
    // Some of them are the same picture, which is one part.
    expect(known.images.length + heldOut.files.size).toBe(14_000);
    expect(manifest.training_data.parts).toBe(13_986);
    expect(known.images.filter(({ file }) => heldOut.files.has(file))).toEqual([]);
    const golden = manifest.golden.map(({ file }) => ({
      file,
      isDefective: false,
      kind: 'ok',
      group: file,
      mask: null,
    }));
    const marked = await markedImages({ root: folder, images: golden, hasGroups: false }, manifest.input);
    expect(marked).toHaveLength(6);
    expect(seenAmong(marked, false, known)).toEqual({ trainedOn: 0, warnings: [] });
  });

  it('brings the notice of its images, and all models stay small', async () => {
    const notice = await readFile(path.join(SHIPPED_MODELS, 'solar-module-ir', 'LICENSE-IMAGES'), 'utf8');
    expect(notice).toContain('Copyright (c) 2020 Raptor Maps');
    const files = await readdir(SHIPPED_MODELS, { recursive: true, withFileTypes: true });
    const sizes = await Promise.all(
      files
        .filter((file) => file.isFile())
        .map(async (file) => (await stat(path.join(file.parentPath, file.name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(25_000_000);
  });
});

describe('the shipped model', () => {
  it('is listed, whole and small', async () => {
    const models = await listModels(SHIPPED_MODELS);
    expect(models.map((model) => model.name)).toContain('plate-demo');
    const { manifest, engineModel } = await loadModelPackage(SHIPPED_MODELS, 'plate-demo', '1');
    expect(manifest.golden.length).toBeGreaterThanOrEqual(6);
    expect((await stat(engineModel.file)).size).toBeLessThan(4_000_000);
    expect(manifest.metrics['auroc']?.low).toBeGreaterThan(0.95);
  });

  it('proves itself in a real engine: its golden scores match', () => {
    expect(bench.pool.status()).toMatchObject({ enginesReady: 1, provider: 'cpu', down: null });
    expect(bench.pool.status().golden?.maxError).toBeLessThan(0.005);
  });

  it('passes no picture of something else', async () => {
    expect(await passedOf(strangers(), bench)).toEqual([]);
  });

  it('tells drawn parts that it never saw: defects score higher than good parts', async () => {
    const scores = { good: [] as number[], defective: [] as number[] };
    let unfamiliar = 0;
    await Promise.all(
      Array.from({ length: 80 }, async (_, index) => {
        const { defect, pixels, size } = nextPart(index, 0.5);
        const bytes = await encodeJpeg(pixels, size);
        const result = await bench.submit({ kind: 'encoded', bytes });
        if (result.kind !== 'scored') throw new Error(result.detail);
        scores[defect === 'none' ? 'good' : 'defective'].push(result.probability);
        if (isUnfamiliar(result)) unfamiliar++;
      }),
    );
    expect(unfamiliar).toBeLessThanOrEqual(1);
    let wins = 0;
    for (const bad of scores.defective) for (const good of scores.good) wins += bad > good ? 1 : bad === good ? 0.5 : 0;
    expect(wins / (scores.good.length * scores.defective.length)).toBeGreaterThan(0.8);
  });
});
