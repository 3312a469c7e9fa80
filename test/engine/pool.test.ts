import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProviderUnavailableError } from '../../src/engine/pool.ts';
import type { TaskResult } from '../../src/engine/task.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';
import { type Bench, benchOf, greyImage, TINY_MODELS } from '../support/pool.ts';

const opened: Bench[] = [];
const bench: typeof benchOf = async (...args) => {
  const made = await benchOf(...args);
  opened.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ pool }) => pool.stop()));
});

const layoutOf = (processes: number) => {
  const layout = { processes, threads: 1, batchSizes: [1], decodeThreads: 1 };
  return { cpu: layout, cuda: layout };
};

function pidOf({ events }: Bench): number {
  const ready = events.filter((event) => event.kind === 'engine_ready').at(-1);
  if (ready?.kind !== 'engine_ready' || ready.pid === undefined) throw new Error('no engine is ready');
  return ready.pid;
}

const until = (isTrue: () => boolean, withinMs = 15_000) => vi.waitUntil(isTrue, { timeout: withinMs, interval: 10 });

describe('a pool of engines', () => {
  it('scores images with a proven model and names the model and the provider', async () => {
    const { pool, submit } = await bench('mean-brightness');
    await pool.start();
    expect(pool.status()).toMatchObject({ provider: 'cpu', degraded: null, enginesReady: 1, down: null });
    const results = await Promise.all([26, 128, 255].map(async (level) => submit(await greyImage(level))));
    const probabilities = results.map((result) => (result.kind === 'scored' ? result.probability : Number.NaN));
    expect(probabilities.map((value) => Number(value.toFixed(3)))).toEqual([0.102, 0.502, 1]);
    expect(results[0]).toMatchObject({ provider: 'cpu', model: { name: 'mean-brightness', version: '1' } });
  });

  it('runs a float NCHW model with a logit as its manifest says', async () => {
    const { pool, submit } = await bench('float-nchw-logit');
    await pool.start();
    const result = await submit(await greyImage(204));
    expect(result).toMatchObject({ kind: 'scored' });
    expect(result.kind === 'scored' ? result.probability : 0).toBeCloseTo(1 / (1 + Math.exp(-2.4)), 4);
  });

  it('answers an image that cannot be decoded with the reason, and goes on', async () => {
    const { pool, submit } = await bench('mean-brightness');
    await pool.start();
    const broken = { kind: 'encoded', bytes: Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16) } as const;
    expect(await submit(broken)).toMatchObject({ kind: 'faulted', reason: 'bad_image' });
    expect(await submit(await greyImage(51))).toMatchObject({ kind: 'scored' });
  });

  it('answers a frame that is late before decoding as such', async () => {
    const { pool, submit } = await bench('mean-brightness');
    await pool.start();
    expect(await submit(await greyImage(51), -1)).toMatchObject({ kind: 'faulted', reason: 'deadline_exceeded' });
  });

  it('hands a NaN on as a NaN: it is for decide to refuse it', async () => {
    const { pool, submit } = await bench('nan');
    await pool.start();
    expect(await submit(await greyImage(240))).toMatchObject({ kind: 'scored', probability: Number.NaN });
    expect(await submit(await greyImage(51))).toMatchObject({ kind: 'scored' });
  });
});

describe('a model that cannot be proven', () => {
  it.each([
    ['golden-mismatch', 'golden', 'expected 0.7'],
    ['wrong-shape', 'warm_up', 'float32 [1,1]'],
  ])('%s takes no traffic, and the pool says why', async (model, stage, detail) => {
    const { pool, events } = await bench(model);
    await pool.start();
    const refusal = events.find((event) => event.kind === 'engine_not_proven');
    expect(refusal).toMatchObject({ provider: 'cpu', stage });
    expect(pool.status()).toMatchObject({ enginesReady: 0, provider: null });
    expect(pool.status().down).toContain(detail);
  });

  it('is refused when the file is not the one of the manifest', async () => {
    const { engineModel } = await loadModelPackage(TINY_MODELS, 'mean-brightness', '1');
    const { pool } = await bench('mean-brightness', {
      model: { ...engineModel, files: engineModel.files.map((file) => ({ ...file, sha256: '0'.repeat(64) })) },
    });
    await pool.start();
    expect(pool.status().down).toContain('expected SHA-256 0000');
  });
});

describe('an engine that dies', () => {
  it('is replaced, and each of its frames is answered once', async () => {
    const made = await bench('slow', { layout: layoutOf(1) });
    await made.pool.start();
    const first = pidOf(made);
    const image = await greyImage(51);
    const results: TaskResult[] = [];
    const all = Array.from({ length: 4 }, () => made.submit(image).then((result) => results.push(result)));
    await until(() => made.waiting.length < 4);
    const killedAt = performance.now();
    process.kill(first, 'SIGKILL');
    await until(() => made.events.some((event) => event.kind === 'engine_lost'));
    expect(performance.now() - killedAt).toBeLessThan(1000);
    await Promise.all(all);
    expect(results.map((result) => result.kind)).toEqual(['scored', 'scored', 'scored', 'scored']);
    expect(pidOf(made)).not.toBe(first);
  });

  it('gives a frame up that it met twice', async () => {
    const made = await bench('slow', { layout: layoutOf(1) });
    await made.pool.start();
    const result = made.submit(await greyImage(51));
    for (let death = 1; death <= 2; death++) {
      process.kill(pidOf(made), 'SIGKILL');
      await until(() => made.events.filter((event) => event.kind === 'engine_lost').length === death);
      if (death === 1) await until(() => made.pool.status().enginesReady === 1);
    }
    expect(await result).toMatchObject({ kind: 'faulted', reason: 'engine_failed' });
  });

  it('is noticed when it hangs, and replaced', async () => {
    const made = await bench('mean-brightness', { hangMs: 800, layout: layoutOf(1) });
    await made.pool.start();
    const first = pidOf(made);
    process.kill(first, 'SIGSTOP');
    const result = made.submit(await greyImage(102));
    await until(() => made.events.some((event) => event.kind === 'engine_lost'));
    const lost = made.events.find((event) => event.kind === 'engine_lost');
    expect(lost).toMatchObject({ pid: first, retried: 1 });
    expect(lost?.kind === 'engine_lost' ? lost.cause : '').toContain('hung');
    expect(await result).toMatchObject({ kind: 'scored' });
  });

  it('is not taken for hung where the service stood still with it', async () => {
    const made = await bench('mean-brightness', { hangMs: 1500, layout: layoutOf(1) });
    await made.pool.start();
    process.kill(pidOf(made), 'SIGSTOP');
    // Long enough for a ping; then both are frozen, as a container that is paused, and the engine answers a moment after they go on.
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        const until = performance.now() + 2000;
        while (performance.now() < until);
        setImmediate(() => resolve(void process.kill(pidOf(made), 'SIGCONT')));
      }, 700);
    });
    expect(await made.submit(await greyImage(51))).toMatchObject({ kind: 'scored' });
    expect(made.events.filter((event) => event.kind === 'engine_lost')).toEqual([]);
  });

  it('is not taken for hung while it computes', async () => {
    const made = await bench('slow', { hangMs: 3000, layout: layoutOf(1) });
    await made.pool.start();
    expect(await made.submit(await greyImage(51))).toMatchObject({ kind: 'scored' });
    expect(made.events.filter((event) => event.kind === 'engine_lost')).toEqual([]);
  });
});

describe('stopping', () => {
  it('answers what is still inside, and may be asked twice', async () => {
    const made = await bench('slow', { layout: layoutOf(1) });
    await made.pool.start();
    const result = made.submit(await greyImage(51));
    await made.pool.stop();
    await made.pool.stop();
    expect(await result).toMatchObject({ kind: 'faulted', reason: 'engine_unavailable' });
    expect(made.pool.status()).toMatchObject({ enginesReady: 0, down: 'stopped' });
  });
});

describe('stopping while starting', () => {
  it('leaves no engine behind', async () => {
    const made = await bench('mean-brightness', { layout: layoutOf(3) });
    const starting = made.pool.start();
    await made.pool.stop();
    await starting;
    expect(made.pool.status()).toMatchObject({ enginesReady: 0, down: 'stopped' });
    expect(made.events.filter((event) => event.kind === 'engine_ready')).toEqual([]);
  });
});

describe('CUDA that is not there', () => {
  const cudaMissing = 'provider library missing: for this test';

  it('with auto: the CPU works, and the pool says that it is degraded and why', async () => {
    const { pool, submit, events } = await bench('mean-brightness', { wanted: 'auto', cudaMissing });
    await pool.start();
    expect(pool.status()).toMatchObject({ provider: 'cpu', degraded: cudaMissing, wanted: 'auto' });
    expect(events[0]).toEqual({ kind: 'degraded', detail: cudaMissing });
    expect(await submit(await greyImage(51))).toMatchObject({ kind: 'scored', provider: 'cpu' });
  });

  it('with auto, where the library is said to be there but does not load: the same', async () => {
    const { pool, events } = await bench('mean-brightness', { wanted: 'auto', cudaMissing: null });
    await pool.start();
    const { provider, degraded } = pool.status();
    // On a machine with a working GPU there is nothing to fall back from.
    if (provider === 'cuda') return;
    expect(provider).toBe('cpu');
    expect(degraded).toContain('load');
    expect(events.some((event) => event.kind === 'engine_not_proven' && event.provider === 'cuda')).toBe(true);
  });

  it('with cuda: refuses to start', async () => {
    const { pool } = await bench('mean-brightness', { wanted: 'cuda', cudaMissing });
    await expect(pool.start()).rejects.toThrow(ProviderUnavailableError);
  });
});
