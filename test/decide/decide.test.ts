import { describe, expect, it } from 'vitest';
import { dispositionOf, judge } from '../../src/decide/decide.ts';

const cuts = { passBelow: 0.3, failAbove: 0.7 };

describe('judge', () => {
  it.each([
    [0, 'PASS'],
    [0.2999, 'PASS'],
    [0.3, 'REVIEW'],
    [0.6999, 'REVIEW'],
    [0.7, 'FAIL'],
    [1, 'FAIL'],
  ])('calls %s %s', (probability, verdict) => {
    expect(judge(probability, cuts).verdict).toBe(verdict);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0.0001, 1.0001])(
    'has no verdict on %s',
    (probability) => {
      expect(judge(probability, cuts)).toMatchObject({ verdict: 'UNINSPECTED', reason: 'model_output_invalid' });
    },
  );

  it('never reviews when the cuts are one, and fails on the cut itself', () => {
    expect(judge(0.5, { passBelow: 0.5, failAbove: 0.5 }).verdict).toBe('FAIL');
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
