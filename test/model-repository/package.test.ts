import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import protobuf from 'protobufjs/minimal.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  compareVersions,
  listModels,
  loadModelPackage,
  ModelPackageError,
  resolveVersion,
} from '../../src/model-repository/package.ts';
import { TINY_MODELS } from '../support/pool.ts';

let root = '';
let folder = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'loupe-models-'));
  folder = path.join(root, 'tiny', '1');
  await cp(path.join(TINY_MODELS, 'mean-brightness', '1'), folder, { recursive: true });
  await edit((manifest) => ({ ...manifest, name: 'tiny' }));
});
afterEach(() => rm(root, { recursive: true }));

async function edit(change: (manifest: Record<string, unknown>) => unknown): Promise<void> {
  const file = path.join(folder, 'manifest.json');
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))));
}

async function faultsOf(name = 'tiny', version = '1'): Promise<string> {
  try {
    await loadModelPackage(root, name, version);
  } catch (error) {
    if (error instanceof ModelPackageError) return error.message;
    throw error;
  }
  return 'none';
}

describe('a model package', () => {
  it('gives the engine its contract, its file and its golden images', async () => {
    const { engineModel, manifest } = await loadModelPackage(root, 'tiny', '1');
    expect(engineModel).toMatchObject({ name: 'tiny', version: '1', sha256: manifest.sha256, tolerance: 0.005 });
    expect(engineModel.file).toBe(path.join(folder, 'model.onnx'));
    expect(engineModel.contract.input).toMatchObject({ width: 8, height: 8, colour: 'RGB', layout: 'NHWC' });
    expect(engineModel.golden).toHaveLength(3);
  });

  it('is hashed in slices between which frames are answered, however large it is', async () => {
    const file = path.join(folder, 'model.onnx');
    // A field that no reader knows, of 48 MiB: tag 2000 with a length, then zeros.
    const padding = protobuf.Writer.create()
      .uint32((2000 << 3) | 2)
      .bytes(new Uint8Array(48 << 20))
      .finish();
    const bytes = Buffer.concat([await readFile(file), padding]);
    await writeFile(file, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await edit((manifest) => ({ ...manifest, sha256 }));
    let turns = 0;
    const turn = () => {
      turns++;
      immediate = setImmediate(turn);
    };
    let immediate = setImmediate(turn);
    const { engineModel } = await loadModelPackage(root, 'tiny', '1');
    clearImmediate(immediate);
    expect(engineModel.sha256).toBe(sha256);
    expect(turns).toBeGreaterThan(48 * 4);
  });

  it('takes figures of kinds of defect that are called by other letters than Latin ones, and of no other names', async () => {
    const figure = { value: 0, low: 0, high: 0.3, n: 9 };
    await edit((manifest) => ({ ...manifest, metrics: { escape_rate_划痕: figure } }));
    expect(await faultsOf()).toBe('none');
    await edit((manifest) => ({ ...manifest, metrics: { 'escape rate': figure } }));
    expect(await faultsOf()).toContain('metrics');
  });

  it('is refused when model.onnx is not the file that the manifest was written for', async () => {
    await writeFile(path.join(folder, 'model.onnx'), 'something else');
    expect(await faultsOf()).toMatch(/the manifest is for SHA-256 [0-9a-f]{64}, the file has [0-9a-f]{64}/);
  });

  it('is refused when a file is missing, empty, or a link', async () => {
    await writeFile(path.join(folder, 'golden', 'grey-51.png'), '');
    await unlink(path.join(folder, 'golden', 'grey-102.png'));
    await cp(path.join(folder, 'model.onnx'), path.join(root, 'elsewhere.onnx'));
    await unlink(path.join(folder, 'model.onnx'));
    await symlink(path.join(root, 'elsewhere.onnx'), path.join(folder, 'model.onnx'));
    const faults = await faultsOf();
    expect(faults).toContain('golden/grey-51.png: expected content, got an empty file');
    expect(faults).toContain('golden/grey-102.png: missing');
    expect(faults).toContain('model.onnx: expected a plain file');
  });

  it('is refused when a golden image lies outside it', async () => {
    await edit((manifest) => ({ ...manifest, golden: [{ file: '../../../etc/passwd', probability: 0 }] }));
    expect(await faultsOf()).toContain('golden[0].file: expected a file in golden/, got "../../../etc/passwd"');
  });

  it('is refused without any golden image: nothing would prove it', async () => {
    await edit((manifest) => ({ ...manifest, golden: [] }));
    expect(await faultsOf()).toContain('expected at least one golden image');
  });

  it('is refused when it lies in the folder of another model', async () => {
    await edit((manifest) => ({ ...manifest, name: 'other', version: '2' }));
    const faults = await faultsOf();
    expect(faults).toContain('expected name "tiny" as its folder, got "other"');
    expect(faults).toContain('expected version "1" as its folder, got "2"');
  });

  it('has all its faults told at once, with the place of each', async () => {
    await edit((manifest) => ({
      ...manifest,
      surplus: 1,
      cuts: { pass_below: 0.9, fail_above: 0.1 },
      output: { name: 'score', kind: 'softmax' },
      input: { ...(manifest['input'] as object), mean: [0.5] },
    }));
    await unlink(path.join(folder, 'model.onnx'));
    const faults = await faultsOf();
    for (const part of ['surplus', 'cuts.pass_below', 'output.defect_index', 'input.mean', 'model.onnx: missing']) {
      expect(faults).toContain(part);
    }
  });

  it('is refused when its manifest is no JSON or not there', async () => {
    await writeFile(path.join(folder, 'manifest.json'), '{');
    expect(await faultsOf()).toContain('manifest.json: expected JSON');
    await unlink(path.join(folder, 'manifest.json'));
    expect(await faultsOf()).toContain('manifest.json: missing');
  });

  it('is never looked for outside the models folder', async () => {
    expect(await faultsOf('../tiny')).toContain('expected a model name');
    expect(await faultsOf('tiny', '..')).toContain('expected a version');
    expect(await faultsOf('..', '../1')).toMatch(/model name[^]*version/);
  });
});

describe('the models folder', () => {
  it('lists names and versions, the highest first, and nothing else that lies there', async () => {
    for (const version of ['2', '10', '1.5', 'draft']) await mkdir(path.join(root, 'tiny', version));
    await mkdir(path.join(root, 'training'));
    await writeFile(path.join(root, 'README.md'), 'x');
    expect(await listModels(root)).toEqual([{ name: 'tiny', versions: ['10', '2', '1.5', '1'] }]);
    expect(await resolveVersion(root, 'tiny')).toBe('10');
  });

  it('says which models there are when one is not', async () => {
    await expect(resolveVersion(root, 'missing')).rejects.toThrow(/missing.*\n.*models found in .*: tiny/);
    await expect(resolveVersion(path.join(root, 'nowhere'), 'tiny')).rejects.toThrow(/: none/);
  });

  it('orders versions by number', () => {
    expect(['1', '10', '2', '1.1', '1.0.3'].toSorted(compareVersions)).toEqual(['1', '1.0.3', '1.1', '2', '10']);
  });
});
