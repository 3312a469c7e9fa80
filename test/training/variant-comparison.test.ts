import { describe, expect, it } from 'vitest';
import type { EvaluatedImage } from '../../src/training/evaluation.ts';
import { compareVariant } from '../../src/training/variant-comparison.ts';

const CUTS = { passBelow: 0.2, failAbove: 0.8 };
const image = (file: string, isDefective: boolean, probability: number | null): EvaluatedImage => ({
  file,
  isDefective,
  kind: 'dent',
  group: file,
  probability,
  unfamiliarity: null,
  verdict: probability === null ? 'UNINSPECTED' : probability < 0.2 ? 'PASS' : probability >= 0.8 ? 'FAIL' : 'REVIEW',
  reason: null,
  decodeMs: 1,
  inferMs: 1,
});
const original = [image('a', false, 0.1), image('b', false, 0.3), image('c', true, 0.25), image('d', true, 0.9)];
const compare = (probabilities: readonly (number | null)[], aurocDrop = 0.002, newEscapes = 0) => {
  const variant = original.map(({ file, isDefective }, i) => image(file, isDefective, probabilities[i] ?? null));
  return compareVariant(original, variant, CUTS, { aurocDrop, newEscapes });
};

describe('a variant beside its model', () => {
  it('is fit where it decides alike', () => {
    expect(compare([0.11, 0.3, 0.24, 0.91])).toEqual({
      images: 4,
      auroc: 0.75,
      aurocDrop: 0,
      maxDifference: expect.closeTo(0.01, 6),
      flips: [],
      newEscapes: 0,
      // Two defective parts show next to nothing.
      newEscapeInterval: { low: 0, high: expect.closeTo(0.658, 3) },
      faults: [],
    });
  });

  it('lists every verdict that flips, and takes no new escape unless a share of them is allowed', () => {
    const strict = compare([0.21, 0.3, 0.19, 0.9]);
    expect(strict.flips).toEqual([
      { file: 'a', isDefective: false, from: 'PASS', to: 'REVIEW' },
      { file: 'c', isDefective: true, from: 'REVIEW', to: 'PASS' },
    ]);
    expect(strict.faults).toContain('expected at most 0 new escapes, got 1');
    expect(compare([0.1, 0.3, 0.19, 0.9], 1, 0.5).faults).toEqual([]);
  });

  it('is not fit where the area falls, where it is not to be had, and where images are lost', () => {
    expect(compare([0.1, 0.95, 0.25, 0.9]).faults).toEqual(['expected an AUROC drop of at most 0.002, got 0.25000']);
    expect(compare([0.1, 0.3, null, null], 1, 1).faults).toEqual([
      'it gave no score for 2 images that the model scores',
      'expected an AUROC drop of at most 1, got NaN',
    ]);
  });
});
