import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PoolOptions } from '../../src/engine/pool.ts';
import type { EngineSettings } from '../../src/engine/protocol.ts';
import { timed } from '../../src/engine/prove.ts';
import { loadModelPackage, ModelPackageError } from '../../src/model-repository/package.ts';
import { type Bench, benchOf, greyImage, TINY_MODELS } from '../support/pool.ts';

const MODEL_OF = (name: string) => path.join(TINY_MODELS, name, '1', 'model.onnx');
const CHECK = { images: 9, auroc_drop: 0, max_difference: 0, verdict_flips: 0, new_escapes: 0 };

let root = '';
let bench: Bench | undefined;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'loupe-forms-'));
});
afterEach(async () => {
  await bench?.pool.stop();
  bench = undefined;
  await rm(root, { recursive: true });
});

/** The package of `original` with the graph of another model as a variant of it. */
async function packageWith(
  original: string,
  variants: readonly { readonly name: string; readonly model: string; readonly providers: readonly string[] }[],
): Promise<string> {
  const folder = path.join(root, original, '1');
  await cp(path.join(TINY_MODELS, original, '1'), folder, { recursive: true });
  await mkdir(path.join(folder, 'variants'));
  const described = [];
  for (const { name, model, providers } of variants) {
    const bytes = await readFile(MODEL_OF(model));
    await writeFile(path.join(folder, 'variants', `${name}.onnx`), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    described.push({ name, sha256, providers, bytes: bytes.length, check: CHECK });
  }
  const manifest: unknown = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8'));
  await writeFile(path.join(folder, 'manifest.json'), JSON.stringify({ ...(manifest as object), variants: described }));
  return folder;
}

async function started(model: string, options: Partial<PoolOptions> = {}): Promise<Bench> {
  const layout = { processes: 2, threads: 1, batchSizes: [1], decodeThreads: 1 };
  bench = await benchOf(model, { layout: { cpu: layout, cuda: layout }, startTimeoutMs: 60_000, ...options }, root);
  await bench.pool.start();
  return bench;
}

const trialsOf = ({ events }: Bench) =>
  events.flatMap((event) => (event.kind === 'engine_ready' ? [event.ready.trials] : []));

describe('the forms of a model', () => {
  it('takes a variant that is faster here and right, in every engine, and names it with each result', async () => {
    await packageWith('slow', [{ name: 'int8', model: 'mean-brightness', providers: ['cpu'] }]);
    const { pool, submit } = await started('slow');
    expect(pool.status()).toMatchObject({ variant: 'int8', enginesReady: 2, down: null });
    // The first engine chose, the second was told.
    const [first, second] = trialsOf(bench!);
    expect(first).toMatchObject([
      { variant: null, fault: null },
      { variant: 'int8', fault: null },
    ]);
    expect(first![1]!.ms).toBeLessThan(first![0]!.ms!);
    expect(second).toEqual([]);
    for (const result of await Promise.all([51, 204].map(async (level) => submit(await greyImage(level))))) {
      expect(result).toMatchObject({ kind: 'scored', model: { name: 'slow', version: '1', variant: 'int8' } });
    }
  });

  it('stays with model.onnx where a variant is slower, does not run, or is for another provider', async () => {
    await packageWith('mean-brightness', [
      { name: 'int8', model: 'slow', providers: ['cpu'] },
      { name: 'fp16', model: 'wrong-shape', providers: ['cuda'] },
    ]);
    const { pool, submit } = await started('mean-brightness');
    expect(pool.status().variant).toBeNull();
    expect(trialsOf(bench!)[0]!.map(({ variant }) => variant)).toEqual([null, 'int8']);
    const result = await submit(await greyImage(51));
    expect(result.kind === 'scored' && 'variant' in result.model).toBe(false);
    await pool.stop();

    await rm(path.join(root, 'mean-brightness'), { recursive: true });
    await packageWith('mean-brightness', [{ name: 'int8', model: 'wrong-shape', providers: ['cpu'] }]);
    bench = await started('mean-brightness');
    expect(bench.pool.status()).toMatchObject({ variant: null, down: null });
    expect(trialsOf(bench)[0]![1]).toMatchObject({
      variant: 'int8',
      ms: null,
      fault: expect.stringContaining('warm_up'),
    });
  });

  it('takes model.onnx alone where a variant ends the engine that tries it', async () => {
    await packageWith('mean-brightness', [{ name: 'int8', model: 'slow', providers: ['cpu'] }]);
    // As a graph does that needs more memory than there is, or instructions that this CPU has not.
    const hook = path.join(root, 'dies.cjs');
    await writeFile(
      hook,
      `const files = require('node:fs/promises');
       const { readFile } = files;
       files.readFile = (file, ...more) => (String(file).endsWith('int8.onnx') ? process.kill(process.pid, 'SIGKILL') : readFile(file, ...more));
       require('node:module').syncBuiltinESMExports();`,
    );
    vi.stubEnv('NODE_OPTIONS', `--require=${hook}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { pool, events, submit } = await started('mean-brightness');
    expect(pool.status()).toMatchObject({ variant: null, enginesReady: 2, down: null });
    const refusals = events.filter(({ kind }) => kind === 'engine_not_proven');
    expect(refusals).toMatchObject([{ stage: 'exit', detail: expect.stringMatching(/SIGKILL; trying model\.onnx/) }]);
    expect(await submit(await greyImage(51))).toMatchObject({ kind: 'scored' });
    await pool.stop();

    const next = await benchOf('mean-brightness', { startTimeoutMs: 60_000 }, root);
    bench = next;
    await next.pool.startAllOrNone();
    expect(next.pool.status()).toMatchObject({ variant: null, down: null });
  });

  it('stays with model.onnx where the golden scores of a variant are off', async () => {
    const folder = await packageWith('slow', [{ name: 'int8', model: 'nan', providers: ['cpu'] }]);
    // The variant gives NaN for a bright image.
    await cp(path.join(TINY_MODELS, 'mean-brightness', '1', 'golden'), path.join(folder, 'golden'), {
      recursive: true,
    });
    const file = path.join(folder, 'manifest.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as { golden: unknown[] };
    manifest.golden.push({ file: 'golden/grey-204.png', probability: 0.8 });
    await writeFile(file, JSON.stringify(manifest));
    const { pool } = await started('slow');
    expect(pool.status()).toMatchObject({ variant: null, down: null });
    expect(trialsOf(bench!)[0]![1]!.fault).toContain('golden: ');
  });

  it('refuses a package whose variant is missing, changed, no model or listed twice', async () => {
    const folder = await packageWith('slow', [{ name: 'int8', model: 'nan', providers: ['cpu'] }]);
    const variant = path.join(folder, 'variants', 'int8.onnx');
    const faults = () =>
      loadModelPackage(root, 'slow', '1').catch((error: ModelPackageError) => error.faults.join('\n'));
    await writeFile(variant, await readFile(MODEL_OF('slow')));
    expect(await faults()).toMatch(/variants\/int8\.onnx: the manifest is for SHA-256 .*, the file has/);
    await writeFile(variant, 'no model');
    expect(await faults()).toMatch(/variants\/int8\.onnx: /);
    await rm(variant);
    expect(await faults()).toBe('variants/int8.onnx: missing');
    await rm(folder, { recursive: true });
    const twice = { name: 'int8', model: 'nan', providers: ['cpu'] };
    await packageWith('slow', [twice, twice]);
    expect(await faults()).toBe('variants: expected "int8" once');
  });
});

describe('the time of a form', () => {
  const settings = { batchSizes: [1], model: { contract: { input: { width: 4, height: 4, colour: 'GREY' } } } };
  afterEach(() => vi.restoreAllMocks());

  /** Runs that take these milliseconds, one after the other. */
  async function timeOf(runs: readonly number[], hopelessMs: number) {
    let [clock, done] = [0, 0];
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    const run = () => {
      clock += runs[done++] ?? 0;
      return Promise.resolve([]);
    };
    return { ms: await timed({ run }, settings as unknown as EngineSettings, hopelessMs), done };
  }

  it('is that of its quickest run, also where the first waited for a core', async () => {
    expect(await timeOf([199, 90, 1.5, 1.2, 1.3, 60, 1.4], 9.6)).toEqual({ ms: expect.closeTo(1.2), done: 7 });
  });

  it('is not looked for further where the first runs all are hopeless', async () => {
    expect(await timeOf([50, 40, 45, 1, 1, 1, 1], 9.6)).toEqual({ ms: 40, done: 3 });
  });
});
