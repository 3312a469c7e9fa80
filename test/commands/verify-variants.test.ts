import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerModels } from '../../src/commands/models.ts';
import { markedImages } from '../../src/commands/training/seen.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { readLabelledFolder } from '../../src/training/labelled-folder.ts';
import { seenCsv } from '../../src/training/seen-images.ts';
import { greyImage, TINY_MODELS } from '../support/pool.ts';

let folder = '';
let model = '';
let data = '';
let printed = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loupe-variants-'));
  model = path.join(folder, 'mean-brightness', '1');
  data = path.join(folder, 'data');
  await cp(path.join(TINY_MODELS, 'mean-brightness', '1'), model, { recursive: true });
  await mkdir(path.join(model, 'variants'));
  for (const name of ['ok', 'ng']) await mkdir(path.join(data, name), { recursive: true });
  // The tiny model's probability is the grey level.
  for (const [name, level] of Object.entries({ 'ok/a': 10, 'ok/b': 100, 'ng/c': 120, 'ng/d': 240 })) {
    await writeFile(path.join(data, `${name}.png`), (await greyImage(level)).bytes);
  }
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

async function run(...args: string[]): Promise<void> {
  const program = new Command('loupe').exitOverride().configureOutput({ writeErr: () => undefined });
  registerModels(program);
  await program.parseAsync(['models', 'verify-variants', model, '--data', data, ...args], { from: 'user' });
}

const variantFrom = (name: string, other: string) =>
  cp(path.join(TINY_MODELS, other, '1', 'model.onnx'), path.join(model, 'variants', `${name}.onnx`));

describe('loupe models verify-variants', () => {
  it('keeps what decides alike, notes it in the manifest, and removes the rest', async () => {
    await variantFrom('int8', 'golden-mismatch'); // the same graph
    await variantFrom('fp16', 'nan');
    await run();
    expect(printed).toMatch(
      /int8: kept\n {4}AUROC 1\.00000 .*largest difference 0\.0000, 0 of 4 verdicts flip, 0 new escapes/,
    );
    expect(printed).toMatch(/fp16: removed; the model cannot be run here: golden: .*grey-204\.png: expected 0\.8/);
    expect(await readdir(path.join(model, 'variants'))).toEqual(['int8.onnx']);
    const { engineModel, manifest } = await loadModelPackage(folder, 'mean-brightness', '1');
    expect(manifest.variants).toMatchObject([
      { name: 'int8', providers: ['cpu'], check: { images: 4, verdict_flips: 0 } },
    ]);
    expect(engineModel.files.map(({ variant }) => variant)).toEqual([null, 'int8']);
    // Once more, over a manifest that knows of variants.
    await run('--json');
    expect(JSON.parse(printed.slice(printed.indexOf('{')))).toMatchObject({
      variants: [{ name: 'int8', isKept: true }],
    });
  });

  it('says how little a few images show, and names those that the model was trained on', async () => {
    await variantFrom('int8', 'golden-mismatch');
    const { manifest } = await loadModelPackage(folder, 'mean-brightness', '1');
    await mkdir(path.join(model, 'report'));
    const [first, second] = await markedImages(await readLabelledFolder(data), manifest.input);
    if (first === undefined || second === undefined) throw new Error('no images');
    await writeFile(path.join(model, 'report', 'seen.csv'), seenCsv([first, second]));
    await run();
    expect(printed).toContain('0 new escapes (95 %: at most 65.8 % of defective parts)');
    expect(printed).toContain('WARNING LEAK: 2 of these images were trained on, pixel for pixel: ok/a.png, ok/b.png');
  });

  it('forgets in the manifest what it removes', async () => {
    await variantFrom('int8', 'golden-mismatch');
    await run();
    await run('--max-auroc-drop', '0');
    const file = path.join(model, 'manifest.json');
    expect(await readFile(file, 'utf8')).toContain('"variants"');
    await rm(path.join(model, 'golden'), { recursive: true });
    await cp(path.join(TINY_MODELS, 'mean-brightness', '1', 'golden'), path.join(model, 'golden'), { recursive: true });
    // Without the golden image that gives a NaN away, the figures do.
    const manifest = JSON.parse(await readFile(file, 'utf8')) as { golden: { file: string }[]; variants?: unknown };
    manifest.golden = manifest.golden.filter((one) => !one.file.includes('204'));
    delete manifest.variants;
    await writeFile(file, JSON.stringify(manifest));
    await variantFrom('int8', 'nan');
    await run();
    expect(printed).toContain('int8: removed; it gave no score for 1 images that the model scores');
    expect(await readFile(file, 'utf8')).not.toContain('"variants"');
  });

  it('removes nothing that the manifest may still name', async () => {
    await variantFrom('fp16', 'nan');
    // What writes the manifest finds no place for it.
    await mkdir(path.join(model, 'manifest.json.part'));
    await expect(run()).rejects.toThrow(/manifest\.json\.part/);
    expect(await readdir(path.join(model, 'variants'))).toEqual(['fp16.onnx']);
  });

  it('says what is missing: variants, a known name, a class of images', async () => {
    await expect(run()).rejects.toThrow(/expected variants\/int8\.onnx or variants\/fp16\.onnx, found none/);
    await variantFrom('int4', 'nan');
    await expect(run()).rejects.toThrow(/found int4; models\/training\/variants\.py makes them/);
    await rm(path.join(model, 'variants', 'int4.onnx'));
    await variantFrom('int8', 'nan');
    await rm(path.join(data, 'ng'), { recursive: true });
    await mkdir(path.join(data, 'ng'));
    await expect(run()).rejects.toThrow(/expected good and defective images, got no defective one/);
    await expect(run('--max-auroc-drop', '2')).rejects.toThrow(/max-auroc-drop/);
  });
});
