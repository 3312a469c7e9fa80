import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerEvaluate } from '../../src/commands/evaluate.ts';
import type { Progress } from '../../src/commands/progress.ts';
import { registerTeach } from '../../src/commands/teach.ts';
import { sizesIn } from '../../src/commands/training/folder-pixels.ts';
import { runMeasuring, runTeaching } from '../../src/commands/teach/run-teaching.ts';
import { encodeJpeg, encodePng } from '../../src/demo/jpeg.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { taughtSizeOf } from '../../src/training/input-size.ts';
import { randomFrom } from '../../src/training/random.ts';

import { TEST_MODELS } from '../support/service-process.ts';

const EDGE = 48;

let folder = '';
let data = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loupe-teach-'));
  data = path.join(folder, 'data');
  const random = randomFrom(4);
  for (const label of ['ok', 'ng']) {
    await mkdir(path.join(data, label), { recursive: true });
    for (let i = 0; i < 12; i++)
      await writeFile(path.join(data, label, `${i}.png`), await part(label === 'ng', random));
  }
});
afterAll(() => rm(folder, { recursive: true }));

/** Grey noise; a defect is a dark square of 6 pixels somewhere. */
function part(isDefective: boolean, random: () => number): Promise<Uint8Array> {
  const pixels = new Uint8Array(EDGE * EDGE * 3);
  const [x, y] = [4 + Math.floor(random() * 36), 4 + Math.floor(random() * 36)];
  for (let p = 0; p < EDGE * EDGE; p++) {
    const inside = Math.abs((p % EDGE) - x) < 3 && Math.abs(Math.floor(p / EDGE) - y) < 3;
    pixels.fill(isDefective && inside ? 10 : 120 + 40 * random(), 3 * p, 3 * p + 3);
  }
  return encodePng(pixels, EDGE);
}

let printed = '';
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

async function run(...args: string[]): Promise<void> {
  const program = new Command('loupe').exitOverride().configureOutput({ writeErr: () => undefined });
  registerTeach(program);
  registerEvaluate(program);
  await program.parseAsync(args, { from: 'user' });
}

describe('the size that a taught model looks at', () => {
  async function sizeOf(edges: readonly (readonly [number, number])[], edge?: number) {
    const root = await mkdtemp(path.join(folder, 'sizes-'));
    const images = await Promise.all(
      edges.map(async ([width, height], i) => {
        await writeFile(
          path.join(root, `${i}.jpg`),
          await encodeJpeg(new Uint8Array(width * height * 3), width, 90, height),
        );
        return { file: `${i}.jpg`, group: `${i}`, isDefective: false, kind: 'ok', mask: null };
      }),
    );
    return taughtSizeOf(await sizesIn({ root, images, hasGroups: false }), edge);
  }

  it('is shaped as the images are, of 256 pixels at most and 64 at least', async () => {
    expect(await sizeOf([[1280, 720]])).toEqual({ width: 256, height: 144 });
    expect(await sizeOf([[90, 170]])).toEqual({ width: 96, height: 192 });
    expect(await sizeOf([[24, 40]])).toEqual({ width: 64, height: 64 });
    expect(await sizeOf([[2000, 100]])).toEqual({ width: 256, height: 64 });
    expect(await sizeOf([[300, 300]])).toEqual({ width: 256, height: 256 });
    expect(await sizeOf([[800, 400]], 128)).toEqual({ width: 128, height: 64 });
    // The image in the middle, not one that was turned.
    expect(
      await sizeOf([
        [640, 480],
        [640, 480],
        [480, 640],
      ]),
    ).toEqual({ width: 256, height: 192 });
  });
});

describe('loupe teach', () => {
  it('writes a package that serves: proven in an engine, and right about its parts', { timeout: 60_000 }, async () => {
    const out = path.join(folder, 'models', 'noise', '1');
    await run('teach', '--data', data, '--out', out, '--json');
    expect(JSON.parse(printed)).toMatchObject({
      model: 'noise/1',
      images: 24,
      input_width: 64,
      input_height: 64,
      escape_limit_shown: false,
    });
    const { manifest } = await loadModelPackage(path.join(folder, 'models'), 'noise', '1');
    expect(manifest.golden).toHaveLength(6);
    expect(manifest.metrics['cross_validated_auroc']?.value).toBeGreaterThan(0.9);
    const ofPartsOnly = { cross_validated_auroc: { n: 24 }, escape_rate_at_chosen_cuts: { n: 12 } };
    expect(manifest.metrics).toMatchObject(ofPartsOnly);
    const html = await readFile(path.join(out, 'report', 'report.html'), 'utf8');
    expect(html).toContain('Cross-validated');
    expect(html).toContain('Calibration and cuts were chosen on these same scores');
    expect(html).not.toContain('Time per image');
    expect(await readdir(path.join(folder, 'models', 'noise'))).toEqual(['1']);
    printed = '';
    await run('evaluate', '--model', out, '--data', data, '--json');
    expect(JSON.parse(printed).auroc).toBeGreaterThan(0.95);
    // It was taught on all of them, and says so by itself.
    expect(JSON.parse(printed)).toMatchObject({
      trained_on: 24,
      warnings: expect.arrayContaining([expect.stringContaining('LEAK: 24 of these images were trained on')]),
    });
    await expect(run('teach', '--data', data, '--out', out)).rejects.toThrow(/is there already/);
  });

  it('puts the model to work where it is asked to, on the folders of a service that does not run', {
    timeout: 60_000,
  }, async () => {
    const models = path.join(folder, 'plant-models');
    await cp(path.join(TEST_MODELS, 'mean-brightness'), path.join(models, 'mean-brightness'), { recursive: true });
    const where = ['--models', models, '--store', path.join(folder, 'store')];
    where.push('--set', 'recipes.default.model=mean-brightness', '--set', 'engine.provider=cpu');
    // Written elsewhere: it is taken in first.
    const out = path.join(folder, 'drafts', 'noise', '1');
    const teach = ['teach', '--data', data, '--out', out, ...where];
    await expect(run(...teach, '--recipe', 'default')).rejects.toThrow(/expected --activate/);
    await expect(run(...teach, '--activate', '--http', 'http://127.0.0.1:9')).rejects.toThrow(/either --http/);
    await expect(readdir(path.join(folder, 'drafts'))).rejects.toThrow();
    await run(...teach, '--activate', '--recipe', 'default');
    expect(printed).toContain('recipe default: noise/1 decides');
    expect(await readdir(path.join(models, 'noise'))).toEqual(['1']);
    // The same name for other pixels: what is there stays, and so does the package that was written.
    const other = path.join(folder, 'others', 'noise', '1');
    const again = [
      'teach',
      '--data',
      data,
      '--out',
      other,
      '--edge',
      '80',
      ...where,
      '--activate',
      '--recipe',
      'default',
    ];
    await expect(run(...again)).rejects.toThrow(/another noise\/1 is there already.*is written and not active/);
    expect(await readdir(path.join(folder, 'others', 'noise'))).toEqual(['1']);
  });

  it('reads masks, refuses one that is missing, and says which show nothing', { timeout: 60_000 }, async () => {
    const masked = path.join(folder, 'masked');
    await cp(data, masked, { recursive: true });
    const images = ['ok', 'ng'].flatMap((label) =>
      Array.from({ length: 12 }, (_, i) => ({ label, image: `${label}/${i}.png` })),
    );
    const rows = images.map(
      ({ label, image }) => `${image},${label.toUpperCase()},${label === 'ng' ? 'mask.png' : ''}`,
    );
    await writeFile(path.join(masked, 'manifest.csv'), ['image,label,mask', ...rows].join('\n'));
    const measured = ['teach', '--data', masked, '--measure', '--images', '5', '--draws', '1'];
    await expect(run(...measured)).rejects.toThrow(/mask\.png/);
    const mask = new Uint8Array(EDGE * EDGE * 3).fill(255, 0, 3 * EDGE * 8);
    await writeFile(path.join(masked, 'mask.png'), await encodePng(mask, EDGE));
    await run(...measured);
    expect(printed).toMatch(/^AUROC/);
    printed = '';
    await writeFile(path.join(masked, 'mask.png'), await encodePng(mask.fill(0), EDGE));
    await run('teach', '--data', masked, '--out', path.join(folder, 'masks', 'noise', '1'));
    expect(printed).toContain('WARNING 12 masks are black and were not used, the first is mask.png');
  });

  it('says whether more images would help, on the screen, in the report and in a file', {
    timeout: 60_000,
  }, async () => {
    const out = path.join(folder, 'curves', 'noise', '1');
    await run('teach', '--data', data, '--out', out, '--curve');
    const [sentence] = /From 12 to 19 parts, .*: more.*/.exec(printed) ?? [];
    const html = await readFile(path.join(out, 'report', 'report.html'), 'utf8');
    expect(html).toContain('<h2>Would more images help?</h2><p>Made of 12, 19 parts');
    expect(html).toContain(`${sentence}. A small step may be chance.`);
    const { points } = JSON.parse(await readFile(path.join(out, 'report', 'learning-curve.json'), 'utf8'));
    expect(points.map((point: { train_images: number }) => point.train_images)).toEqual([12, 19]);
    const few = path.join(folder, 'few');
    for (const label of ['ok', 'ng']) {
      await mkdir(path.join(few, label), { recursive: true });
      for (let i = 0; i < 7; i++) await cp(path.join(data, label, `${i}.png`), path.join(few, label, `${i}.png`));
    }
    const little = path.join(folder, 'curves', 'little', '1');
    printed = '';
    await run('teach', '--data', few, '--out', little, '--curve', '--json');
    expect(JSON.parse(printed)).toMatchObject({ learning_curve: [], more_images: null });
    expect(printed).toContain('no learning curve: a half of the parts has too few of a class to be taught');
    expect(await readdir(path.join(little, 'report'))).not.toContain('learning-curve.json');
    await expect(run('teach', '--data', data, '--measure', '--curve')).rejects.toThrow(/--curve goes with --out/);
  });

  it('measures itself without writing anything', async () => {
    await run('teach', '--data', data, '--measure', '--images', '5', '--draws', '2');
    expect(printed).toMatch(/^AUROC 0\.\d+ \+- 0\.\d+ over 2 draws|^AUROC 1\.000/);
  });

  it('says how few it was measured on, and what makes the figure look better than it is', {
    timeout: 60_000,
  }, async () => {
    const twice = path.join(folder, 'twice');
    await cp(data, twice, { recursive: true });
    for (const i of [0, 1, 2]) await cp(path.join(data, 'ok', `${i}.png`), path.join(twice, 'ng', `${i}-again.png`));
    await run('teach', '--data', twice, '--measure', '--draws', '2');
    expect(printed).toMatch(
      /over 2 draws of at least \d good \+ \d defective images\n.*fewer than the 30 images asked for/,
    );
    expect(printed).toContain('WARNING 3 images are labelled OK and NG at once: ok/0.png = ng/0-again.png');
    expect(printed).toContain('WARNING no groups given');
  });

  it('refuses to put a model to work that is no better than a coin, and leaves its package for a look', {
    timeout: 60_000,
  }, async () => {
    const alike = path.join(folder, 'alike');
    for (const label of ['ok', 'ng']) await cp(path.join(data, 'ok'), path.join(alike, label), { recursive: true });
    const models = path.join(folder, 'alike-models');
    await cp(path.join(TEST_MODELS, 'mean-brightness'), path.join(models, 'mean-brightness'), { recursive: true });
    const where = ['--models', models, '--store', path.join(folder, 'alike-store'), '--activate'];
    where.push('--set', 'recipes.default.model=mean-brightness', '--set', 'engine.provider=cpu');
    const out = path.join(models, 'alike', '1');
    await expect(run('teach', '--data', alike, '--out', out, ...where, '--recipe', 'default')).rejects.toThrow(
      /is written and not active: .*Do not use the model.*12 images are labelled OK and NG at once/s,
    );
    expect(await readdir(out)).toContain('report');
  });

  it('passes no picture of something else, whatever the cuts', { timeout: 60_000 }, async () => {
    const out = path.join(folder, 'strange-models', 'noise', '1');
    await run('teach', '--data', data, '--out', out);
    expect(printed).toMatch(/other things +REVIEW at least/);
    const others = path.join(folder, 'others');
    for (const label of ['ok', 'ng']) await mkdir(path.join(others, label), { recursive: true });
    await cp(path.join(data, 'ok', '0.png'), path.join(others, 'ok', 'same.png'));
    const stripes = new Uint8Array(EDGE * EDGE * 3).map((_, i) => ((i / 3 / EDGE) & 4 ? 255 : 0));
    await writeFile(path.join(others, 'ng', 'black.png'), await encodePng(new Uint8Array(EDGE * EDGE * 3), EDGE));
    await writeFile(path.join(others, 'ng', 'stripes.png'), await encodePng(stripes, EDGE));
    const scores = path.join(folder, 'others.csv');
    const cuts = ['--pass-below', '1', '--fail-above', '1'];
    await run('evaluate', '--model', out, '--data', others, '--scores', scores, ...cuts);
    const verdicts = (await readFile(scores, 'utf8')).trim().split('\n').slice(1);
    expect(verdicts.map((line) => line.split(',').at(-1))).toEqual(['PASS', 'REVIEW', 'REVIEW']);
    expect(printed).toContain('2 images show what the model has learned nothing of');
  });

  it('shows where it is over all of its steps, each to its end', { timeout: 60_000 }, async () => {
    const shown: [string, number, number][] = [];
    const bar: Progress = {
      start: (total, unit = '') => void shown.push([unit, 0, total]),
      update: (done) => void shown.push([shown.at(-1)?.[0] ?? '', done, shown.at(-1)?.[2] ?? 0]),
      stop: () => undefined,
    };
    const options = { data, set: [], maxEscapes: 0.02, maxFalseRejects: 0.02, images: 5, draws: 2, turns: true };
    const ends = () => shown.filter(([, done, total]) => done === total).map(([unit, , total]) => `${unit} ${total}`);
    await runTeaching({ ...options, out: path.join(folder, 'shown', 'noise', '1') }, bar);
    expect([...new Set(ends())]).toEqual([
      'step 1 of 6: images read 24',
      'step 2 of 6: images embedded 24',
      expect.stringContaining('step 3 of 6: good images turned, to see whether parts lie so'),
      expect.stringContaining('step 4 of 6: turned images embedded'),
      'step 5 of 6: fits 6',
      'step 6 of 6: package 1',
    ]);
    // Not only at the end: the fits take as long as the images.
    expect(shown.filter(([unit]) => unit.endsWith('fits')).map(([, done]) => done)).toEqual([0, 1, 2, 3, 4, 5, 6, 6]);
    shown.length = 0;
    await runMeasuring({ ...options, measure: true }, bar);
    expect([...new Set(ends())].at(-1)).toBe('step 5 of 5: draws 2');
  });

  it('refuses one-sided data before anything is computed, images that are none, and a package name that is none', async () => {
    const bad = path.join(folder, 'bad');
    await cp(data, bad, { recursive: true });
    const out = path.join(folder, 'models', 'bad', '1');
    await writeFile(path.join(bad, 'ng', '0.png'), 'no image');
    await writeFile(path.join(bad, 'ok', '3.png'), (await readFile(path.join(data, 'ok', '3.png'))).subarray(0, 200));
    await expect(run('teach', '--data', bad, '--out', out)).rejects.toThrow(
      /2 of 24 images cannot be read:\n {2}- ok\/3\.png: bad_image.*\n {2}- ng\/0\.png: unsupported_format/,
    );
    for (let i = 4; i < 12; i++) await rm(path.join(bad, 'ng', `${i}.png`));
    await expect(run('teach', '--data', bad, '--out', out)).rejects.toThrow(
      /at least 5 defective images.*got 4 images/,
    );
    await expect(run('teach', '--data', bad, '--measure')).rejects.toThrow(/12 of 12 parts good, 4 of 4 defective/);
    await expect(run('teach', '--data', data, '--out', path.join(folder, 'x y', 'one'))).rejects.toThrow(
      /NAME\/VERSION/,
    );
    await expect(run('teach', '--data', data)).rejects.toThrow(/--out/);
    await expect(run('teach', '--data', data, '--out', out, '--edge', '100')).rejects.toThrow(/multiple of 16/);
    await expect(readdir(path.join(folder, 'models', 'bad'))).rejects.toThrow();
  });
});
