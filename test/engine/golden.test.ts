/** Golden images at work: again on a timer, and asked more of a model that is to take over. */

import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { EngineStartError } from '../../src/engine/engine-process.ts';
import { type Bench, benchOf, greyImage } from '../support/pool.ts';

let bench: Bench;
afterEach(() => bench.pool.stop());

/** Not even waiting for its parent to see it. */
const isAlive = (pid: number) => !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');

const kinds = () => bench.events.map(({ kind }) => kind);

describe('the golden images of an engine at work', () => {
  it('are scored again and again, between frames', async () => {
    bench = await benchOf('mean-brightness', { goldenCheckMs: 10 });
    await bench.pool.start();
    const first = bench.pool.status().golden;
    expect(first).toMatchObject({ isOk: true, scores: { length: 3 }, detail: null });
    const image = await greyImage(51);
    await expect
      .poll(
        async () => {
          expect(await bench.submit(image)).toMatchObject({ kind: 'scored' });
          return bench.pool.status().golden?.checkedAt;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(first?.checkedAt ?? 0);
    expect(kinds()).not.toContain('engine_lost');
  });

  it('end an engine that scores them otherwise than before; its successor has to prove itself', async () => {
    bench = await benchOf('unsteady', { goldenCheckMs: 10 });
    await bench.pool.start();
    await expect.poll(kinds, { timeout: 15_000 }).toContain('golden_failed');
    await expect.poll(kinds).toContain('engine_lost');
    const at = bench.events.findIndex(({ kind }) => kind === 'golden_failed');
    expect(bench.events[at]).toMatchObject({
      detail: expect.stringMatching(/expected 0\.[248] within 0\.005/) as string,
    });
    await expect.poll(() => kinds().lastIndexOf('engine_ready'), { timeout: 15_000 }).toBeGreaterThan(at);
  }, 40_000);

  it('end it before it answers anything more, even what it had scored by then', async () => {
    bench = await benchOf('unsteady', { goldenCheckMs: 10 });
    await bench.pool.start();
    const image = await greyImage(51);
    const isOff = () =>
      kinds().findLast((kind) => kind === 'golden_failed' || kind === 'engine_ready') === 'golden_failed';
    let scored = 0;
    let scoredOff = 0;
    // The engine always has as much as it takes.
    const submit = (): void => {
      let isSettled = false;
      bench.waiting.push({
        image,
        roi: null,
        expiresAtMono: performance.now() + 30_000,
        get isSettled() {
          return isSettled;
        },
        settle({ kind }) {
          isSettled = true;
          if (kind === 'scored') scored++;
          if (kind === 'scored' && isOff()) scoredOff++;
          if (kinds().filter((one) => one === 'golden_failed').length < 4) submit();
        },
      });
    };
    for (let i = 0; i < 16; i++) submit();
    bench.pool.kick();
    await expect
      .poll(() => kinds().filter((kind) => kind === 'golden_failed').length, { timeout: 30_000 })
      .toBeGreaterThanOrEqual(4);
    expect(scored).toBeGreaterThan(0);
    expect(scoredOff).toBe(0);
  }, 60_000);
});

describe('a model that is to take over', () => {
  it('is refused where it gives no probability for some image, though its golden images are right', async () => {
    bench = await benchOf('nan');
    await bench.pool.start();
    expect(bench.pool.status().down).toBeNull();
    await bench.pool.stop();
    bench = await benchOf('nan');
    const failed = await bench.pool.startAllOrNone().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(EngineStartError);
    expect(failed).toMatchObject({ stage: 'warm_up', message: expect.stringContaining('white') as string });
  });

  it('has all its engines, at the priority of those at work, or none', async () => {
    const layout = { processes: 2, threads: 1, batchSizes: [1], decodeThreads: 2 };
    bench = await benchOf('mean-brightness', { layout: { cpu: layout, cuda: layout } });
    await bench.pool.startAllOrNone();
    expect(bench.pool.status()).toMatchObject({ enginesReady: 2, down: null });
    expect(await bench.submit(await greyImage(51))).toMatchObject({ kind: 'scored' });
    const pids = bench.events.flatMap((event) =>
      event.kind === 'engine_ready' && event.pid !== undefined ? [event.pid] : [],
    );
    const here = getPriority();
    if (process.platform !== 'linux') return;
    for (const pid of pids) {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        expect(getPriority(Number(thread))).toBe(here);
      }
    }
  });

  it.runIf(process.platform === 'linux')(
    'is refused where an engine is gone by the time that the last is proven',
    async () => {
      const layout = { processes: 2, threads: 1, batchSizes: [1], decodeThreads: 2 };
      const made = await benchOf('mean-brightness', {
        layout: { cpu: layout, cuda: layout },
        onEvent: (event) => {
          // For want of memory: as soon as another one is there, it is killed.
          if (event.kind !== 'engine_ready' || event.pid === undefined || made.pool.status().enginesReady > 1) return;
          process.kill(event.pid, 'SIGKILL');
          while (isAlive(event.pid));
        },
      });
      bench = made;
      const failed = await bench.pool.startAllOrNone().catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(EngineStartError);
      expect(failed).toMatchObject({ stage: 'exit', message: 'engine ended with SIGKILL' });
    },
  );

  it('ends with the service while it proves itself', async () => {
    bench = await benchOf('mean-brightness');
    const starting = bench.pool.startAllOrNone().catch((error: unknown) => error);
    await bench.pool.stop();
    expect(await starting).toBeInstanceOf(EngineStartError);
  });
});
