import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerEvaluate } from '../../src/commands/evaluate.ts';
import { worstMistakes } from '../../src/commands/training/pictures.ts';
import { markedImages } from '../../src/commands/training/seen.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { type EvaluatedImage, evaluate } from '../../src/training/evaluation.ts';
import { readLabelledFolder } from '../../src/training/labelled-folder.ts';
import { seenCsv } from '../../src/training/seen-images.ts';
import { greyImage, TINY_MODELS } from '../support/pool.ts';

let folder = '';
let data = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loupe-evaluate-'));
  data = path.join(folder, 'data');
  for (const name of ['ok', 'ng']) await mkdir(path.join(data, name), { recursive: true });
  // The tiny model's probability is the grey level.
  for (const [name, level] of Object.entries({ 'ok/a': 10, 'ok/b': 100, 'ok/c': 220, 'ng/d': 20, 'ng/e': 240 })) {
    await writeFile(path.join(data, `${name}.png`), (await greyImage(level)).bytes);
  }
});
afterAll(() => rm(folder, { recursive: true }));

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
  registerEvaluate(program);
  await program.parseAsync(['evaluate', ...args], { from: 'user' });
}

const model = path.join(TINY_MODELS, 'mean-brightness', '1');

describe('loupe evaluate', () => {
  it('scores through the engines and writes figures, scores and report', async () => {
    const [scores, report] = [path.join(folder, 'scores.csv'), path.join(folder, 'report.html')];
    const cuts = ['--pass-below', '0.2', '--fail-above', '0.8', '--train', data];
    await run('--model', model, '--data', data, '--scores', scores, '--report', report, '--json', ...cuts);
    expect(JSON.parse(printed)).toMatchObject({
      model: 'mean-brightness/1',
      provider: 'cpu',
      images: 5,
      defective: 2,
      escapes: 1,
      false_rejects: 1,
      uninspected: 0,
      auroc: 4 / 6,
      accuracy: 0.6,
      warnings: expect.arrayContaining([expect.stringContaining('LEAK: the model was trained on 5')]),
    });
    const lines = (await readFile(scores, 'utf8')).trim().split('\n');
    expect(lines[0]).toBe('file,label,probability,verdict');
    expect(lines.slice(1).map((line) => line.split(',').filter((_, i) => i !== 2))).toEqual([
      ['ok/a.png', 'OK', 'PASS'],
      ['ok/b.png', 'OK', 'REVIEW'],
      ['ok/c.png', 'OK', 'FAIL'],
      ['ng/d.png', 'NG', 'PASS'],
      ['ng/e.png', 'NG', 'FAIL'],
    ]);
    expect(await readFile(report, 'utf8')).toContain('data:image/jpeg;base64,');
  });

  it('shows an escape among the mistakes, though it scores on the defective side of 0.5', async () => {
    const images = (await readLabelledFolder(data)).images.map((image): EvaluatedImage => {
      const times = { unfamiliarity: null, reason: null, decodeMs: 1, inferMs: 1 };
      return { ...image, probability: image.isDefective ? 0.9 : 0.1, verdict: 'PASS', ...times };
    });
    const known = { hasGroups: false, fingerprints: [], trained: [], seen: null };
    const shown = await worstMistakes(evaluate({ images, cuts: { passBelow: 0.95, failAbove: 0.95 }, ...known }), data);
    expect(shown.map(({ caption }) => caption)).toEqual(['NG (ng): 0.900, PASS', 'NG (ng): 0.900, PASS']);
  });

  it('finds the model by name below models.path, and prints text', async () => {
    await run('--model', 'mean-brightness', '--data', data, '--set', `models.path=${TINY_MODELS}`);
    expect(printed).toContain('AUROC');
    expect(printed).toContain('WARNING');
  });

  it('goes by what the package says it was trained on, and refuses a list that is damaged', async () => {
    const telling = path.join(folder, 'models', 'mean-brightness', '1');
    await cp(model, telling, { recursive: true });
    await run('--model', telling, '--data', data, '--json');
    expect(JSON.parse(printed)).toMatchObject({
      trained_on: null,
      warnings: expect.arrayContaining([expect.stringContaining('not known: nothing was checked')]),
    });
    const { manifest } = await loadModelPackage(TINY_MODELS, 'mean-brightness', '1');
    const [first, second] = await markedImages(await readLabelledFolder(data), manifest.input);
    if (first === undefined || second === undefined) throw new Error('no images');
    await mkdir(path.join(telling, 'report'));
    const seen = path.join(telling, 'report', 'seen.csv');
    await writeFile(seen, seenCsv([{ ...first, file: 'elsewhere.jpg' }]));
    printed = '';
    await run('--model', telling, '--data', data, '--json');
    const { trained_on: trainedOn, warnings } = JSON.parse(printed) as { trained_on: number; warnings: string[] };
    expect(trainedOn).toBe(1);
    expect(warnings).toContain(`LEAK: 1 of these images were trained on, pixel for pixel: ${first.file}`);
    expect(warnings.join()).not.toContain('not known');
    printed = '';
    await run('--model', telling, '--data', data);
    expect(printed).toContain('trained on          1 of these 5 images');
    printed = '';
    await run('--model', model, '--data', data, '--json', '--beside', telling);
    const beside = JSON.parse(printed) as { warnings: string[] };
    expect(beside.warnings.join('\n')).toContain('beside, mean-brightness/1: LEAK: 1 of these images were trained on');
    await writeFile(seen, 'image,group,pixels\nok/a.png,a,?\n');
    await expect(run('--model', telling, '--data', data)).rejects.toThrow(/report\/seen\.csv: line 2: pixels/);
  });

  it('counts an image that cannot be decoded as not inspected', async () => {
    const broken = path.join(folder, 'broken');
    for (const name of ['ok', 'ng']) await mkdir(path.join(broken, name), { recursive: true });
    await writeFile(path.join(broken, 'ok/a.png'), (await greyImage(10)).bytes);
    await writeFile(path.join(broken, 'ng/b.png'), 'no image');
    await run('--model', model, '--data', broken, '--json');
    expect(JSON.parse(printed)).toMatchObject({ uninspected: 1, escapes: 0, auroc: null });
  });

  it('refuses a model that is not there, one that cannot be proven, and cuts that cross', async () => {
    await expect(run('--model', 'absent', '--data', data, '--set', `models.path=${TINY_MODELS}`)).rejects.toThrow(
      /absent/,
    );
    for (const nowhere of [path.join(TINY_MODELS, 'mean-brightness', '9'), './mean-brightness/9', 'a/b/9']) {
      const missing = path.join(path.resolve(nowhere), 'manifest.json');
      await expect(run('--model', nowhere, '--data', data)).rejects.toThrow(
        `no package in this folder: expected ${missing}`,
      );
    }
    const wrong = path.join(TINY_MODELS, 'golden-mismatch', '1');
    await expect(run('--model', wrong, '--data', data)).rejects.toThrow(/cannot be run here: golden/);
    await expect(run('--model', model, '--data', data, '--pass-below', '0.9', '--fail-above', '0.1')).rejects.toThrow(
      /expected --pass-below/,
    );
  });
});
