import { describe, expect, it } from 'vitest';
import type { Score } from '../../src/frame/score.ts';
import { Batcher, type BatchSink, chooseBatch, type Decoded } from '../../src/engine/batch.ts';

const sizes = new Map([
  [1, 10],
  [2, 12],
  [4, 16],
]);

describe('choosing a batch', () => {
  it('takes what waits, up to the largest size', () => {
    expect(chooseBatch(1, Infinity, sizes)).toBe(1);
    expect(chooseBatch(3, Infinity, sizes)).toBe(3);
    expect(chooseBatch(9, Infinity, sizes)).toBe(4);
  });

  it('grows no further than the earliest deadline allows, and always to one', () => {
    expect(chooseBatch(9, 15, sizes)).toBe(2);
    expect(chooseBatch(9, 1, sizes)).toBe(1);
  });
});

/** A session whose runs end when the test says so; time stands still unless the test moves it. */
function bench() {
  const runs: { size: number; count: number; end: (error?: Error) => void }[] = [];
  const said: string[] = [];
  const clock = { now: 0 };
  const sink: BatchSink = {
    scored: (decoded, { probability }, _, batchSize) =>
      said.push(`${decoded.id} scored ${probability} of ${batchSize}`),
    faulted: (id, reason) => said.push(`${id} ${reason}`),
    broken: (error) => said.push(`broken: ${String(error)}`),
  };
  const runner = {
    run: (pixels: readonly Uint8Array[], size: number) =>
      new Promise<Score[]>((resolve, reject) => {
        const end = (error?: Error) =>
          error === undefined
            ? resolve(pixels.map(([first = 0]) => ({ probability: first, unfamiliarity: null })))
            : reject(error);
        runs.push({ size, count: pixels.length, end });
      }),
  };
  const batcher = new Batcher(runner, sizes, sink, () => clock.now);
  const add = (id: number, expiresAt = 1000) => {
    const decoded: Decoded = { id, pixels: Uint8Array.of(id), decodeMs: 1, expiresAt };
    batcher.add(decoded);
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { runs, said, clock, add, settled };
}

describe('the batcher', () => {
  it('runs the first image at once and gathers those that come meanwhile', async () => {
    const { runs, said, add, settled } = bench();
    add(1);
    add(2);
    add(3);
    add(4);
    expect(runs).toMatchObject([{ size: 1, count: 1 }]);
    runs[0]?.end();
    await settled();
    expect(runs[1]).toMatchObject({ size: 4, count: 3 });
    runs[1]?.end();
    await settled();
    expect(said).toEqual(['1 scored 1 of 1', '2 scored 2 of 4', '3 scored 3 of 4', '4 scored 4 of 4']);
    add(5);
    expect(runs).toHaveLength(3);
  });

  it('answers what is late without spending a run on it', async () => {
    const { runs, said, clock, add, settled } = bench();
    add(1);
    add(2, 50);
    add(3, 90);
    clock.now = 60;
    runs[0]?.end();
    await settled();
    expect(said).toEqual(['1 scored 1 of 1', '2 deadline_exceeded']);
    expect(runs[1]).toMatchObject({ count: 1 });
  });

  it('takes images whose answers are all late by then one after another, without stopping', async () => {
    const { runs, said, clock, add, settled } = bench();
    add(1);
    add(2, 50);
    clock.now = 60;
    runs[0]?.end();
    await settled();
    expect(said.at(-1)).toBe('2 deadline_exceeded');
    add(3);
    expect(runs).toHaveLength(2);
  });

  it('takes smaller batches after a run that was slow, and larger ones again when runs are not', async () => {
    const { runs, clock, add, settled } = bench();
    let id = 0;
    let waits = 0;
    /** Ends the run that is going on after `ms` while four images wait; the size of the next. */
    const next = async (ms: number) => {
      clock.now += ms;
      for (; waits < 4; waits++) add(++id, clock.now + 100);
      runs.at(-1)?.end();
      await settled();
      waits -= runs.at(-1)?.count ?? 0;
      return runs.at(-1)?.size ?? 0;
    };
    add(++id);
    expect(await next(10)).toBe(4);
    let size = await next(5000);
    expect(size).toBe(1);
    for (let run = 0; run < 40; run++) size = await next(sizes.get(size) ?? 0);
    expect(size).toBe(4);
  });

  it('reports a failed session and runs nothing more on it', async () => {
    const { runs, said, add, settled } = bench();
    add(1);
    runs[0]?.end(new Error('CUDA failure 700'));
    await settled();
    expect(said).toEqual(['broken: Error: CUDA failure 700']);
    add(2);
    expect(runs).toHaveLength(1);
  });
});
