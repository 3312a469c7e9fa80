import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Session } from '../../src/engine/session.ts';
import { fewShot } from '../../src/training/few-shot.ts';
import { sigmoid } from '../../src/training/logistic.ts';
import { BackboneError, type LinearHead, OUTPUT_NAME, withLinearHead } from '../../src/training/onnx-graph.ts';
import { randomFrom } from '../../src/training/random.ts';
import { scaleOf, standardised } from '../../src/training/standardise.ts';
import { type Example, logitsOf, platt, teach } from '../../src/training/teaching.ts';
import { SHIPPED_MODELS } from '../support/pool.ts';

const LIMITS = { escapes: 0.02, falseRejects: 0.02 };
const WIDTH = 12;

/** Defects move the third feature by `shift`; two images per part. */
function examplesOf(parts: number, shift: number, seed = 1): Example[] {
  const random = randomFrom(seed);
  return Array.from({ length: parts * 2 }, (_, i) => {
    const part = Math.floor(i / 2);
    const isDefective = part % 2 === 0;
    const embedding = Float32Array.from({ length: WIDTH }, (_, j) => random() + (isDefective && j === 2 ? shift : 0));
    return { file: `${i}.png`, group: `part${part}`, isDefective, embedding };
  });
}

describe('teach', () => {
  it('learns what tells the parts apart, judged on parts it held back', () => {
    const lesson = teach(examplesOf(80, 2), LIMITS);
    expect(lesson.measures?.auroc).toBeGreaterThan(0.98);
    expect(lesson.measures?.ece).toBeLessThan(0.1);
    expect(lesson.cuts.kind).toBe('chosen');
    const fresh = examplesOf(40, 2, 9);
    const probabilities = logitsOf(
      lesson.head,
      fresh.map((example) => example.embedding),
    ).map(sigmoid);
    expect(fresh.filter((example, i) => probabilities[i]! > 0.5 === example.isDefective).length).toBeGreaterThan(76);
  });

  it('says that a backbone which sees nothing is unfit, and that few parts show little', () => {
    const text = teach(examplesOf(56, 0), LIMITS).warnings.join('\n');
    expect(text).toContain('Do not use the model');
    expect(text).toContain('only 28 different defective parts');
    expect(text).toContain('met on these images but not shown');
  });

  it('refuses too few images and one-sided ones', () => {
    expect(() => teach(examplesOf(3, 2), LIMITS)).toThrow(/at least 5 good images/);
    const good = examplesOf(40, 2).filter((example) => !example.isDefective);
    expect(() => teach(good, LIMITS)).toThrow(/at least 5 defective images of at least 2 parts, got 0/);
  });

  it('standardises by the training images, leaves a dead feature at zero and clips what is far off', () => {
    const scale = scaleOf([Float32Array.of(0, 7), Float32Array.of(2, 7)]);
    expect([...scale.means, ...scale.deviations]).toEqual([1, 7, 1, 1]);
    const { values } = standardised([Float32Array.of(100, 7)], scale);
    expect([...values]).toEqual([4 / Math.sqrt(2), 0]);
  });

  it('calibrates with a rising curve even where the scores say the opposite', () => {
    expect(platt([-3, -2, 2, 3], [true, true, false, false]).scale).toBeGreaterThan(0);
    const { scale, shift } = platt([-1, 1, -1, 1, 1, -1], [false, true, false, true, false, true]);
    expect(sigmoid(scale + shift)).toBeCloseTo(2 / 3, 1);
  });

  it('is measured on parts that were not taught, the same again', () => {
    const examples = examplesOf(60, 1);
    const found = fewShot(examples, 15, 3, LIMITS);
    expect(found.aurocs).toHaveLength(3);
    expect(found.mean).toBeGreaterThan(0.85);
    expect(fewShot(examples, 15, 3, LIMITS)).toEqual(found);
  });
});

describe('the taught graph', () => {
  it('gives what the head says of the embedding', async () => {
    const backbone = await readFile(path.join(SHIPPED_MODELS, 'backbone', 'model.onnx'));
    const input = {
      name: 'image',
      dtype: 'uint8',
      layout: 'NHWC',
      width: 64,
      height: 64,
      colour: 'RGB',
      resize: { fit: 'fill', kernel: 'linear' },
    } as const;
    const random = randomFrom(3);
    const pixels = Array.from({ length: 3 }, () => Uint8Array.from({ length: 64 * 64 * 3 }, () => 256 * random()));
    const options = { provider: 'cpu', threads: 1 } as const;
    const session = await Session.open(backbone, { input, output: { name: 'embedding', kind: 'logit' } }, options);
    const rows = await session.embed(pixels);
    const width = rows[0]!.length;
    const head: LinearHead = {
      ...scaleOf(rows),
      clip: 4,
      weights: Float64Array.from({ length: width }, () => (random() - 0.5) / 20),
      bias: 0.3,
    };
    const model = withLinearHead(backbone, 'embedding', head);
    const taught = await Session.open(model, { input, output: { name: OUTPUT_NAME, kind: 'probability' } }, options);
    const probabilities = await taught.run(pixels, 4);
    for (const [i, z] of logitsOf(head, rows).entries()) expect(probabilities[i]).toBeCloseTo(sigmoid(z), 4);
    expect(new Set(probabilities).size).toBe(3);
    // A taught model has no embedding any more: it is not taught again.
    expect(() => withLinearHead(model, 'embedding', head)).toThrow(BackboneError);
  });

  it('refuses what is no ONNX model', () => {
    const head = {
      means: Float64Array.of(0),
      deviations: Float64Array.of(1),
      clip: 4,
      weights: Float64Array.of(1),
      bias: 0,
    };
    expect(() => withLinearHead(new TextEncoder().encode('no model at all'), 'embedding', head)).toThrow(BackboneError);
    expect(() => withLinearHead(new Uint8Array(), 'embedding', head)).toThrow(/a graph/);
  });
});
