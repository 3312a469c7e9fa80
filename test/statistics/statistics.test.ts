import { describe, expect, it } from 'vitest';
import {
  countParts,
  escapesAmong,
  estimate,
  falseRejectsAmong,
  type JudgedScore,
} from '../../src/statistics/cut-outcome.ts';
import { cohensKappa } from '../../src/statistics/kappa.ts';
import { LATENCY_EDGES_MS, latencyBucketOf, latencyQuantile } from '../../src/statistics/latency.ts';
import { pChart } from '../../src/statistics/p-chart.ts';
import { randomFrom } from '../../src/training/random.ts';
import { binOfCut, scoreBinOf } from '../../src/statistics/score-bins.ts';

describe('bins of scores', () => {
  it('say the same of every cut of three decimals as the scores themselves', () => {
    const cuts = Array.from({ length: 1001 }, (_, i) => i / 1000);
    const scores = cuts.flatMap((cut) => [cut, cut - 1e-12, cut + 1e-12]).filter((p) => p >= 0 && p <= 1);
    const wrong = scores.filter((p) => cuts.some((cut) => p < cut !== scoreBinOf(p) < binOfCut(cut)));
    expect(wrong).toEqual([]);
    expect([scoreBinOf(0), scoreBinOf(1), scoreBinOf(0.9999)]).toEqual([0, 1000, 999]);
  });
});

describe('answer times', () => {
  it('are counted in the bucket whose edge they do not pass', () => {
    expect([0, 1, 1.01, 100, 1e6].map(latencyBucketOf)).toEqual([0, 0, 1, 18, LATENCY_EDGES_MS.length]);
  });

  it('give percentiles within their bucket', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 1000; i++) {
      const bucket = latencyBucketOf(1 + i / 10);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    expect(latencyQuantile(counts, 0.5)).toBeCloseTo(51, 0);
    expect(latencyQuantile(counts, 0.95)).toBeCloseTo(96, 0);
    expect(latencyQuantile(new Map(), 0.5)).toBeNull();
    expect(latencyQuantile(new Map([[LATENCY_EDGES_MS.length, 1]]), 0.5)).toBe(10_000);
  });
});

describe('the p-chart', () => {
  // Montgomery, Introduction to Statistical Quality Control: 30 samples of 50 cans of orange juice.
  const cans = [
    12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6,
  ].map((rejected) => ({ rejected, inspected: 50 }));

  it('gives the limits of the textbook, and the two samples that are out', () => {
    const { centre, points } = pChart(cans, false);
    expect(centre).toBeCloseTo(0.2313, 4);
    expect(points[0]?.upper).toBeCloseTo(0.4102, 3);
    expect(points[0]?.lower).toBeCloseTo(0.0524, 3);
    expect(points.flatMap(({ signal }, i) => (signal === 'above' ? [i + 1] : []))).toEqual([15, 23]);
  });

  it('widens the limits where neighbours differ by more than chance, and only there', () => {
    const noisy = Array.from({ length: 40 }, (_, i) => ({ rejected: i % 2 === 0 ? 500 : 700, inspected: 10_000 }));
    expect(pChart(noisy, false).points.filter(({ signal }) => signal !== null).length).toBeGreaterThan(30);
    const widened = pChart(noisy);
    expect(widened.spread).toBeGreaterThan(5);
    expect(widened.points.filter(({ signal }) => signal !== null)).toEqual([]);
    expect(pChart(Array.from({ length: 40 }, () => ({ rejected: 5, inspected: 100 }))).spread).toBe(1);
  });

  it.each([
    // The least count with scipy.stats.binom.sf(count, n, 0.01) <= 0.00135.
    [5, 1],
    [60, 4],
    [600, 14],
  ])('gives exact limits where a group has few rejects: 0.01 of %i parts, %i at the most', (inspected, most) => {
    // As many rejects in all as parts in one of the hundred groups.
    const rejectsIn = (group: number) => Math.floor(inspected / 100) + (group < inspected % 100 ? 1 : 0);
    const samples = Array.from({ length: 100 }, (_, group) => ({ rejected: rejectsIn(group), inspected }));
    const { centre, points } = pChart(samples, false);
    expect(centre).toBeCloseTo(0.01, 12);
    expect(points[0]).toMatchObject({ lower: 0, upper: expect.closeTo(most / inspected, 12) });
  });

  it.each([
    [5, 0.01],
    [60, 0.003],
    [60, 0.01],
    [600, 0.003],
  ])(
    'calls a steady line of %i parts a group, %f of them rejects, out of control no more often than it says',
    (n, p) => {
      const random = randomFrom(n);
      const rejects = () => Array.from({ length: n }, random).filter((one) => one < p).length;
      const charts = Array.from({ length: 200 }, () =>
        pChart(Array.from({ length: 24 }, () => ({ rejected: rejects(), inspected: n }))),
      );
      // Before: 23 to 80 of a hundred. By chance three standard deviations are passed once in 740 groups on one side, in six or seven of these charts.
      const out = charts.filter(({ points }) => points.some(({ signal }) => signal !== null));
      expect(out.length).toBeLessThan(16);
    },
  );

  it('sees nothing in a row of hours without a reject where most have none, and much in one where few have', () => {
    const hours = (rejected: number[]) => pChart(rejected.map((one) => ({ rejected: one, inspected: 60 }))).points;
    const rare = hours([1, ...Array<number>(22).fill(0), 1]);
    expect(rare.filter(({ signal }) => signal !== null)).toEqual([]);
    const usual = hours([...Array<number>(24).fill(3), ...Array<number>(12).fill(0)]);
    expect(usual.slice(24).filter(({ signal }) => signal === 'run').length).toBeGreaterThan(0);
  });

  it('sees a shift that stays inside the limits, and leaves out groups of nothing', () => {
    const shifted = [...Array<number>(12).fill(4), ...Array<number>(12).fill(7)].map((rejected) => ({
      rejected,
      inspected: 100,
    }));
    expect(pChart(shifted, false).points.filter(({ signal }) => signal === 'run')).toHaveLength(10);
    const { points } = pChart([{ rejected: 0, inspected: 0 }, ...cans]);
    expect(points[0]).toMatchObject({ share: null, upper: null, signal: null });
    expect(pChart([]).centre).toBeNull();
  });
});

describe('what cuts would have done', () => {
  it('counts nothing unfamiliar as an escape', () => {
    const far = { probability: 0.1, isDefective: true, isUnfamiliar: true, verdict: 'REVIEW', group: 0 } as const;
    const cuts = { passBelow: 0.5, failAbove: 0.9 };
    expect(escapesAmong([far, { ...far, isUnfamiliar: false }], cuts)).toMatchObject({ count: 1, of: 2 });
  });

  const judged: JudgedScore[] = [
    { probability: 0.05, isDefective: false, isUnfamiliar: false, verdict: 'PASS', group: 0 },
    { probability: 0.1, isDefective: true, isUnfamiliar: false, verdict: 'PASS', group: 1 },
    { probability: 0.5, isDefective: true, isUnfamiliar: false, verdict: 'REVIEW', group: 2 },
    { probability: 0.6, isDefective: false, isUnfamiliar: false, verdict: 'REVIEW', group: 3 },
    { probability: 0.9, isDefective: true, isUnfamiliar: false, verdict: 'FAIL', group: 4 },
    { probability: 0.95, isDefective: true, isUnfamiliar: false, verdict: 'FAIL', group: 4 },
  ];
  const bins = [
    [50, 90],
    [100, 10],
    [500, 20],
    [600, 20],
    [900, 5],
    [950, 5],
  ] as const;

  it('counts parts, escapes and false rejects; pictures of one part are one case', () => {
    expect(countParts(bins, { passBelow: 0.1, failAbove: 0.6 })).toEqual({ PASS: 90, REVIEW: 30, FAIL: 30 });
    expect(countParts(bins, { passBelow: 0.3, failAbove: 0.3 })).toEqual({ PASS: 100, REVIEW: 0, FAIL: 50 });
    expect(escapesAmong(judged, { passBelow: 0.1, failAbove: 0.6 })).toMatchObject({ count: 0, of: 4, share: 0 });
    const escapes = escapesAmong(judged, { passBelow: 0.101, failAbove: 0.6 });
    expect(escapes).toMatchObject({ count: 1, of: 4, share: 0.25 });
    expect(escapes.interval.high).toBeGreaterThan(0.6);
    expect(falseRejectsAmong(judged, { passBelow: 0.1, failAbove: 0.6 })).toMatchObject({ count: 1, of: 2 });
    expect(escapesAmong([], { passBelow: 0.1, failAbove: 0.6 })).toMatchObject({
      share: null,
      interval: { low: 0, high: 1 },
    });
  });

  it('lets each judged part stand for the parts of its verdict, and says of which verdict nobody knows', () => {
    const given = { PASS: 100, REVIEW: 40, FAIL: 10 };
    const costs = { escape: 100, falseReject: 10, review: 1 };
    const found = estimate(bins, judged, given, { passBelow: 0.2, failAbove: 0.6 }, costs);
    // Half of the judged PASS parts escape: 50 of 100. Half of the judged REVIEW parts are good and fail: 20 of 40.
    expect(found).toMatchObject({ escapes: 50, falseRejects: 20 });
    expect(found).toHaveProperty('cost', (1000 * (50 * 100 + 20 * 10 + 20)) / 150);
    const withoutPass = judged.filter(({ verdict }) => verdict !== 'PASS');
    expect(estimate(bins, withoutPass, given, { passBelow: 0.2, failAbove: 0.6 }, costs)).toEqual({
      unknown: ['PASS'],
    });
  });
});

describe("Cohen's kappa", () => {
  it('is what the textbook says', () => {
    const many = (count: number, first: string, second: string) =>
      Array.from({ length: count }, (): [string, string] => [first, second]);
    const pairs = [
      ...many(20, 'yes', 'yes'),
      ...many(5, 'yes', 'no'),
      ...many(10, 'no', 'yes'),
      ...many(15, 'no', 'no'),
    ];
    expect(cohensKappa(pairs)).toBeCloseTo(0.4, 6);
    expect(cohensKappa([])).toBeNull();
    expect(cohensKappa([['ok', 'ok']])).toBeNull();
  });
});
