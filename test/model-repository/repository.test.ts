import {
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { LoupeError } from '../../src/errors.ts';
import type { PackagedModel } from '../../src/model-repository/package.ts';
import { ModelRepository } from '../../src/model-repository/repository.ts';
import { TINY_MODELS } from '../support/pool.ts';

let root = '';
let folder = '';
let proven: PackagedModel[] = [];
let refusal: LoupeError | null = null;
let repository: ModelRepository;

beforeEach(async () => {
  const base = await mkdtemp(path.join(tmpdir(), 'loupe-repository-'));
  root = path.join(base, 'models');
  folder = path.join(base, 'new');
  await mkdir(root);
  await cp(path.join(TINY_MODELS, 'mean-brightness', '1'), folder, { recursive: true });
  proven = [];
  refusal = null;
  repository = new ModelRepository({
    root,
    maxBytes: 1_000_000,
    prove: async (model) => {
      proven.push(model);
      if (refusal !== null) throw refusal;
    },
  });
});

const failure = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error as LoupeError,
  );

async function edit(change: (manifest: Record<string, unknown>) => unknown): Promise<void> {
  const file = path.join(folder, 'manifest.json');
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))));
}

describe('adding a package', () => {
  it('proves a copy first, then gives it its place, whole', async () => {
    const added = await repository.add(folder);
    expect(added).toMatchObject({ name: 'mean-brightness', version: '1', fault: null });
    expect(proven).toHaveLength(1);
    expect(proven[0]?.file).toContain('.incoming-');
    expect(await readdir(root)).toEqual(['mean-brightness']);
    const listed = await repository.list();
    expect(listed).toEqual([added]);
    expect((await repository.load('mean-brightness', null)).engineModel.golden).toHaveLength(3);
  });

  it('leaves nothing behind when the proof fails', async () => {
    refusal = new LoupeError('model_refused', 'failed at golden: 0.7 expected');
    expect(await failure(repository.add(folder))).toBe(refusal);
    expect(await readdir(root)).toEqual([]);
  });

  it('refuses a version that is there, and leaves it as it is', async () => {
    await repository.add(folder);
    await edit((manifest) => ({ ...manifest, description: 'another' }));
    expect(await failure(repository.add(folder))).toMatchObject({ code: 'model_exists' });
    expect((await repository.load('mean-brightness', '1')).manifest.description).toBeUndefined();
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['no manifest', () => unlink(path.join(folder, 'manifest.json')), /manifest\.json/],
    ['a name that leads out of the folder', () => edit((m) => ({ ...m, name: '../../etc' })), /manifest\.json: name/],
    [
      'a version that leads out of the folder',
      () => edit((m) => ({ ...m, version: '../1' })),
      /manifest\.json: version/,
    ],
    [
      'another file in place of its manifest',
      () => truncate(path.join(folder, 'manifest.json'), 2 ** 21),
      /manifest\.json: expected at most 1048576 bytes/,
    ],
    ['no model', () => unlink(path.join(folder, 'model.onnx')), /model\.onnx: missing/],
    ['another model than the manifest is for', () => writeFile(path.join(folder, 'model.onnx'), 'x'), /model\.onnx/],
    ['a truncated model', () => truncate(path.join(folder, 'model.onnx'), 300), /model\.onnx/],
    [
      'a golden image outside',
      () => edit((m) => ({ ...m, golden: [{ file: '../x.png', probability: 0 }] })),
      /golden\[0\]\.file/,
    ],
    [
      'too many bytes',
      () => writeFile(path.join(folder, 'golden', 'big.bin'), new Uint8Array(1_000_001)),
      /at most 1000000 bytes/,
    ],
  ])('refuses a package with %s', async (_what, spoil, message) => {
    await spoil();
    const error = await failure(repository.add(folder));
    expect(error).toMatchObject({ code: 'model_refused' });
    expect(error?.message).toMatch(message);
    expect(proven).toEqual([]);
    expect(await readdir(root)).toEqual([]);
  });

  it('refuses links, wherever they lead', async () => {
    await rm(path.join(folder, 'model.onnx'));
    await symlink('/etc/hostname', path.join(folder, 'model.onnx'));
    expect((await failure(repository.add(folder)))?.message).toMatch(/plain file/);
  });

  it('copies what it takes: a later change of the source changes nothing', async () => {
    const hard = path.join(path.dirname(folder), 'hard.onnx');
    await link(path.join(folder, 'model.onnx'), hard);
    await repository.add(folder);
    await writeFile(hard, 'changed');
    expect((await repository.list())[0]?.fault).toBeNull();
  });

  it('sweeps away what an import left behind that was killed', async () => {
    const old = path.join(root, '.incoming-old');
    await mkdir(old);
    await utimes(old, new Date(0), new Date(0));
    await mkdir(path.join(root, '.incoming-young'));
    await repository.add(folder);
    expect((await readdir(root)).sort()).toEqual(['.incoming-young', 'mean-brightness']);
  });
});

describe('the repository', () => {
  it('lists a damaged package with its fault', async () => {
    await repository.add(folder);
    await writeFile(path.join(root, 'mean-brightness', '1', 'model.onnx'), 'x');
    const [listing] = await repository.list();
    expect(listing).toMatchObject({ sha256: null });
    expect(listing?.fault).toMatch(/SHA-256/);
    expect(await failure(repository.load('mean-brightness', '1'))).toMatchObject({ code: 'model_refused' });
  });

  it('says what there is when something else is asked for', async () => {
    await repository.add(folder);
    expect((await failure(repository.load('nothing', null)))?.message).toBe(
      'no model nothing; models: mean-brightness',
    );
    expect((await failure(repository.load('mean-brightness', '7')))?.message).toBe(
      'no model mean-brightness/7; versions of mean-brightness: 1',
    );
  });

  it('removes a version, and the model with its last one', async () => {
    await repository.add(folder);
    expect(await failure(repository.remove('mean-brightness', '2'))).toMatchObject({ code: 'model_not_found' });
    expect(await failure(repository.remove('..', '1'))).toMatchObject({ code: 'model_not_found' });
    await repository.remove('mean-brightness', '1');
    expect(await readdir(root)).toEqual([]);
  });
});
