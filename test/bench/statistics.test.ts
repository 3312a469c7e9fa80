import { describe, expect, it } from 'vitest';
import { median, pairedRatio, percentile, spreadFromFirst } from '../../src/bench/statistics.ts';

const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

describe('percentile', () => {
  it('is the nearest rank, whatever the order of the values', () => {
    expect([0.01, 0.5, 0.99, 1].map((p) => percentile(hundred, p))).toEqual([1, 50, 99, 100]);
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([3, 1, 2], 0.99)).toBe(3);
  });

  it('of nothing is no number', () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('median', () => {
  it('is the one in the middle, or the mean of the two', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

describe('pairedRatio', () => {
  it('compares round with round: a slow round of the whole machine changes nothing', () => {
    expect(pairedRatio([11, 33, 11], [10, 30, 10])).toBeCloseTo(1.1);
  });

  it('leaves out rounds that only one side has', () => {
    expect(pairedRatio([2, 100], [1])).toBe(2);
  });
});

describe('spreadFromFirst', () => {
  it('is the largest change from the first, up or down', () => {
    expect(spreadFromFirst([10, 10.4, 9.2])).toBeCloseTo(0.08);
    expect(spreadFromFirst([10])).toBe(0);
  });
});
