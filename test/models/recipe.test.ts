/** The training recipe, run by Python, and what the service makes of the package that it writes. */

import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerDataset } from '../../src/commands/dataset.ts';
import { registerEvaluate } from '../../src/commands/evaluate.ts';
import { knownImagesOf, markedImages } from '../../src/commands/training/seen.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { readLabelledFolder } from '../../src/training/labelled-folder.ts';
import { randomFrom } from '../../src/training/random.ts';
import { seenAmong } from '../../src/training/seen-images.ts';
import { benchOf, TINY_MODELS } from '../support/pool.ts';

const TRAINING = fileURLToPath(new URL('../../models/training', import.meta.url));
/** The system's own Python first: that is where Debian's python3-torch lies. */
const python = ['/usr/bin/python3', 'python3'].find(
  (name) => spawnSync(name, ['-c', 'import torch, numpy'], { stdio: 'ignore' }).status === 0,
);
/** A busy machine may take its time to train. */
const BUSY_MS = 240_000;
const IN_CI = process.env['CI'] !== undefined;
if (python === undefined && !IN_CI) console.warn('SKIPPED: the training recipe needs python3-torch and python3-numpy');

const run = (args: readonly string[]) =>
  promisify(execFile)(python ?? 'python3', args, { cwd: TRAINING, env: { ...process.env, OMP_NUM_THREADS: '1' } });

/** A noisy plate of odd size, as JPEG or PNG; a defective one has a bright spot. */
async function plate(seed: number, isDefective: boolean): Promise<Buffer> {
  const random = randomFrom(seed);
  const [width, height] = [61 + (seed % 7), 47 + (seed % 5)];
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => 90 + 40 * random());
  const [x0, y0] = [8 + Math.floor(random() * (width - 24)), 8 + Math.floor(random() * (height - 24))];
  for (let y = y0; isDefective && y < y0 + 9; y++) {
    for (let x = x0; x < x0 + 9; x++) pixels.fill(235, 3 * (y * width + x), 3 * (y * width + x) + 3);
  }
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  return seed % 2 === 0 ? image.jpeg({ quality: 88 }).toBuffer() : image.png().toBuffer();
}

describe.skipIf(python === undefined && !IN_CI)('the training recipe', { timeout: BUSY_MS }, () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'loupe-recipe-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('keeps its promises: splits, figures, augmentation, resuming, foreign weights', async () => {
    const { stderr } = await run(['-m', 'unittest', 'test_recipe']);
    expect(stderr).toMatch(/OK\s*$/);
  });

  it('writes a package that scores in an engine as it did in training, to 1e-4', async () => {
    const data = path.join(folder, 'data');
    for (const name of ['ok', 'ng']) await mkdir(path.join(data, name), { recursive: true });
    const rows = await Promise.all(
      Array.from({ length: 80 }, async (_, k) => {
        const isDefective = k % 4 >= 2;
        const file = `${isDefective ? 'ng' : 'ok'}/${k}.${k % 2 === 0 ? 'jpg' : 'png'}`;
        await writeFile(path.join(data, file), await plate(k, isDefective));
        return `${file},${isDefective ? 'NG' : 'OK'},${isDefective ? 'spot' : 'good'},part${k}`;
      }),
    );
    await writeFile(path.join(data, 'manifest.csv'), ['image,label,class,group', ...rows].join('\n'));
    const program = new Command('loupe').exitOverride();
    registerDataset(program);
    const packed = path.join(folder, 'packed');
    const size = ['--width', '32', '--height', '24', '--colour', 'RGB'];
    await program.parseAsync(['dataset', 'pack', '--json', '--data', data, '--out', packed, ...size], { from: 'user' });

    const network = ['--width', '0.125', '--small-stem', '--batch', '16', '--rate', '0.01'];
    const short = ['--epochs', '1', '--seeds', '1', '--members', '1'];
    expect((await run(['train_folder.py', packed, ...network, ...short])).stdout).toMatch(/init nothing.*known True/);
    const runs = await readdir(path.join(packed, 'runs'));
    const init = path.join(packed, 'runs', runs.find((name) => name.endsWith('.weights.pt')) ?? 'none');

    const scores = path.join(folder, 'scores.csv');
    const models = path.join(folder, 'models');
    const { stdout } = await run([
      ...[
        'train_folder.py',
        packed,
        '--package',
        path.join(models, 'plate', '1'),
        '--golden',
        data,
        '--scores',
        scores,
      ],
      ...[...network, '--init', init, '--epochs', '3', '--seeds', '2', '--members', '2', '--curve'],
      ...['--source', 'drawn by a test', '--licence', 'Apache-2.0', '--description', 'A test.'],
    ]);
    expect(stdout).toMatch(/chosen from the images: .*known True, made 0\.5, light changing/);
    expect(stdout).toMatch(/Beside it one logistic regression .* of \d\.\d\d/);
    expect(stdout).toMatch(/the mean of 2 networks/);
    expect(stdout).toMatch(/Over 2 seeds.*AUROC \d\.\d+ ± \d\.\d+ \(by part/);

    const { manifest } = await loadModelPackage(models, 'plate', '1');
    expect(manifest.calibration?.method).toBe('platt');
    expect(manifest.golden).toHaveLength(6);
    const curve = JSON.parse(await readFile(path.join(models, 'plate/1/report/learning-curve.json'), 'utf8')) as {
      points: { train_parts: number }[];
    };
    expect(curve.points.map((point) => point.train_parts)).toEqual([12, 24, 48]);
    const bench = await benchOf('plate', {}, models);
    await bench.pool.start();
    try {
      // The golden scores are those of training.
      expect(bench.pool.status().golden).toMatchObject({ isOk: true });
      expect(bench.pool.status().golden?.maxError).toBeLessThan(1e-4);
      const text = await readFile(scores, 'utf8');
      const trained = parse(text, { columns: true }) as { file: string; probability: string }[];
      expect(trained.length).toBeGreaterThan(10);
      for (const { file, probability } of trained) {
        const result = await bench.submit({ kind: 'encoded', bytes: await readFile(path.join(data, file)) });
        if (result.kind !== 'scored') throw new Error(`${file}: ${result.detail}`);
        expect(Math.abs(result.probability - Number(probability)), file).toBeLessThan(1e-4);
      }
    } finally {
      await bench.pool.stop();
    }

    // Training's pixels are those of serving: what it saw is known again, whatever the files are called.
    const test = parse(await readFile(path.join(models, 'plate/1/report/test.csv'), 'utf8'), { columns: true });
    const known = await knownImagesOf(path.join(models, 'plate', '1'));
    const marked = await markedImages(await readLabelledFolder(data), manifest.input);
    if (known === null) throw new Error('the package does not say what it has seen');
    const renamed = marked.map((image) => ({ ...image, file: `other-${image.file}` }));
    expect(seenAmong(renamed, true, known).trainedOn).toBe(80 - test.length);

    const report = path.join(folder, 'report.html');
    const beside = ['--beside', path.join(TINY_MODELS, 'mean-brightness', '1')];
    const measuring = new Command('loupe').exitOverride();
    registerEvaluate(measuring);
    const model = path.join(models, 'plate', '1');
    await measuring.parseAsync(
      ['evaluate', '--model', model, '--data', data, '--report', report, '--json', ...beside],
      {
        from: 'user',
      },
    );
    const html = await readFile(report, 'utf8');
    expect(html).toContain("images as the model's last layer sees them");
    expect(html).toContain('Made of 12, 24, 48 parts, each time measured on the same images of other parts');
    expect(html).toContain('mean-brightness/1<td>8x8');
    expect(html).toMatch(/Worst mistakes<\/h2><p>(Each beside the same with a heat map|None)/);
  });

  it('refuses what cannot be trained, in a sentence', async () => {
    const refused = async (...args: string[]) => {
      const error = await run(['train_folder.py', ...args]).catch((e: unknown) => e as { stderr: string });
      return error.stderr;
    };
    expect(await refused('nowhere')).toContain('expected a folder that `loupe dataset pack` wrote');
    expect(await refused('nowhere', '--package', 'x/1')).toContain('--package needs --source and --licence');
    const about = ['--source', 'a test', '--licence', 'none'];
    expect(await refused('nowhere', '--package', 'x/1', ...about)).toContain('--package needs --golden');
    const golden = ['--golden', 'nowhere'];
    for (const place of ['gasket', 'my gasket/1', 'models/gasket']) {
      const said = await refused('nowhere', '--package', place, ...about, ...golden);
      expect(said).toContain('expected --package MODELS/NAME/VERSION');
    }
    const made = path.join(folder, 'models', 'plate', '1');
    expect(await refused('nowhere', '--package', made, ...about, ...golden)).toContain('a package never changes');
    expect(await refused('nowhere', '--package', made, '--anew', ...about, ...golden)).toContain('no dataset.json');
    expect(await refused(path.join(folder, 'packed'), '--package', 'x/1', ...about, ...golden)).toMatch(
      /--golden nowhere: expected the labelled folder that was packed, there is no .*80 of 80 are missing/,
    );
    expect(await refused('nowhere', '--members', '5')).toContain('expected 1 to 4 --members');
    expect(await refused('nowhere', '--width', '0.0625')).toContain('expected a --width of at least 0.125');
    expect(await refused('nowhere', '--made', '1')).toContain('expected a share from 0 to below 1 for --made');
    expect(await refused('nowhere', '--architecture', 'alexnet8')).toContain('expected resnet18/34/50');
    expect(await refused(path.join(folder, 'packed'), '--precision', 'fp16')).toMatch(/expected CUDA for --precision/);
  });
});
