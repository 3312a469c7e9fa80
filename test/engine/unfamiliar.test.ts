/** A model that says of a picture that it has learned nothing of such: its second output, through a real engine. */

import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { EngineStartError } from '../../src/engine/engine-process.ts';
import { isUnfamiliar } from '../../src/frame/score.ts';
import { extendedGraph, oneOutput } from '../../src/training/onnx-graph.ts';
import { packageAt } from '../support/packages.ts';
import { type Bench, benchOf, greyImage } from '../support/pool.ts';
import { emptyFolder } from '../support/service-process.ts';

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.pool.stop();
  bench = undefined;
});

/** mean-brightness, to which a picture is `times` as unfamiliar as it is bright. */
async function started(times: number, output = 'far'): Promise<Bench> {
  const root = emptyFolder();
  packageAt(
    path.join(root, 'mean-brightness', '1'),
    'mean-brightness',
    (manifest) => ({ ...manifest, output: { name: 'score', kind: 'probability', unfamiliarity: output } }),
    (model) =>
      extendedGraph(model, ['score'], {
        nodes: [oneOutput('Mul', ['score', 'times'], 'far')],
        tensors: [{ name: 'times', dims: [], values: Float64Array.of(times) }],
        outputs: [
          { name: 'score', shape: ['n', 1] },
          { name: 'far', shape: ['n', 1] },
        ],
      }),
  );
  bench = await benchOf('mean-brightness', {}, root);
  await bench.pool.startAllOrNone();
  return bench;
}

const failureOf = (times: number, output?: string) =>
  started(times, output).then(
    () => null,
    (error: unknown) => error,
  );

describe('how unfamiliar a picture is', () => {
  it('comes with each score', async () => {
    const { submit } = await started(0.6);
    const dark = await submit(await greyImage(51));
    expect(dark).toMatchObject({ kind: 'scored', unfamiliarity: expect.closeTo(0.12) as number });
    const bright = await submit(await greyImage(255));
    expect(bright).toMatchObject({ probability: 1, unfamiliarity: expect.closeTo(0.6) as number });
    expect([dark, bright].map((scored) => scored.kind === 'scored' && isUnfamiliar(scored))).toEqual([false, true]);
  });

  it('keeps an engine from work to which a golden image is unfamiliar', async () => {
    const failed = await failureOf(0.9);
    expect(failed).toBeInstanceOf(EngineStartError);
    expect(failed).toMatchObject({ stage: 'golden', message: expect.stringContaining('grey-204.png') as string });
  });

  it('has to be a number from 0 to 1 for any picture, before its model takes over', async () => {
    const failed = await failureOf(1.5);
    expect(failed).toMatchObject({ stage: 'warm_up', message: expect.stringContaining('1 and 1.5') as string });
  });

  it('is an output that the graph has', async () => {
    const failed = await failureOf(0.6, 'unfamiliarity');
    expect(failed).toMatchObject({
      stage: 'load',
      message: expect.stringContaining('"unfamiliarity", the graph has score, far') as string,
    });
  });
});
