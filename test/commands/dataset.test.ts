import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerDataset } from '../../src/commands/dataset.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { TINY_MODELS } from '../support/pool.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loupe-dataset-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<void> {
  const program = new Command('loupe').exitOverride().configureOutput({ writeErr: () => undefined });
  registerDataset(program);
  await program.parseAsync(args, { from: 'user' });
}

describe('loupe dataset', () => {
  it('writes pixels, masks and labels of the same parts, again the same', async () => {
    for (const out of ['a', 'b']) await run('dataset', '--out', path.join(folder, out), '--count', '6', '--seed', '3');
    const read = (out: string, name: string) => readFile(path.join(folder, out, name));
    expect(await read('a', 'pixels.bin')).toHaveLength(6 * 128 * 128 * 3);
    expect((await read('a', 'pixels.bin')).equals(await read('b', 'pixels.bin'))).toBe(true);
    const masks = await read('a', 'masks.bin');
    const labels = (await read('a', 'labels.csv')).toString().trim().split('\n').slice(1);
    expect(masks).toHaveLength(6 * 16 * 16);
    for (const [i, line] of labels.entries()) {
      const [index, seed, defect] = line.split(',');
      expect([index, seed]).toEqual([String(i), String(3 + i)]);
      expect(masks.subarray(i * 256, (i + 1) * 256).some((change) => change > 0)).toBe(defect !== 'none');
    }
  });

  it('refuses a count that is none', async () => {
    await expect(run('dataset', '--out', folder, '--count', 'many')).rejects.toThrow(/whole number/);
  });
});

describe('loupe golden', () => {
  it('records the scores that the serving path gives, so that the package proves itself', async () => {
    const copy = path.join(folder, 'mean-brightness', '1');
    await cp(path.join(TINY_MODELS, 'mean-brightness', '1'), copy, { recursive: true });
    await run('golden', copy);
    const { engineModel } = await loadModelPackage(folder, 'mean-brightness', '1');
    expect(engineModel.golden.length).toBeGreaterThanOrEqual(6);
    // A drawn flange is mid grey on a dark belt.
    for (const { probability } of engineModel.golden) expect(Math.abs(probability - 0.4)).toBeLessThan(0.15);
  });

  it('refuses a folder that is no package', async () => {
    await expect(run('golden', folder)).rejects.toThrow(/manifest.json/);
  });
});
