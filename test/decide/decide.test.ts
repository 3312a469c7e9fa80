import { describe, expect, it } from 'vitest';
import { dispositionOf, judge } from '../../src/decide/decide.ts';
import type { Score } from '../../src/frame/score.ts';

const cuts = { passBelow: 0.3, failAbove: 0.7 };
const NO_VERDICT = { verdict: 'UNINSPECTED', reason: 'model_output_invalid' };

/** Of a model that does not say what it has learned nothing of. */
const known = (probability: number): Score => ({ probability, unfamiliarity: null });

describe('judge', () => {
  it.each([
    [0, 'PASS'],
    [0.2999, 'PASS'],
    [0.3, 'REVIEW'],
    [0.6999, 'REVIEW'],
    [0.7, 'FAIL'],
    [1, 'FAIL'],
  ])('calls %s %s', (probability, verdict) => {
    expect(judge(known(probability), cuts).verdict).toBe(verdict);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0.0001, 1.0001])(
    'has no verdict on %s',
    (probability) => {
      expect(judge(known(probability), cuts)).toMatchObject(NO_VERDICT);
      expect(judge({ probability: 0.1, unfamiliarity: probability }, cuts)).toMatchObject(NO_VERDICT);
    },
  );

  it('passes nothing that the model finds unfamiliar, whatever the cuts, and fails it where it would anyway', () => {
    const verdictOf = (probability: number, unfamiliarity: number, wanted = cuts) =>
      judge({ probability, unfamiliarity }, wanted).verdict;
    expect(verdictOf(0, 1)).toBe('REVIEW');
    expect(verdictOf(0, 0.5)).toBe('REVIEW');
    expect(verdictOf(0, 0.499)).toBe('PASS');
    expect(verdictOf(0.5, 1)).toBe('REVIEW');
    expect(verdictOf(0.9, 1)).toBe('FAIL');
    expect(verdictOf(0.9, 1, { passBelow: 1, failAbove: 1 })).toBe('REVIEW');
  });

  it('never reviews when the cuts are one, and fails on the cut itself', () => {
    expect(judge(known(0.5), { passBelow: 0.5, failAbove: 0.5 }).verdict).toBe('FAIL');
  });
});

describe('the disposition', () => {
  it('accepts nothing but a PASS', () => {
    expect(dispositionOf('PASS', 'reject')).toBe('accept');
    expect(dispositionOf('FAIL', 'hold')).toBe('reject');
    expect(dispositionOf('REVIEW', 'reject')).toBe('hold');
    expect(dispositionOf('UNINSPECTED', 'reject')).toBe('reject');
    expect(dispositionOf('UNINSPECTED', 'hold')).toBe('hold');
  });
});
