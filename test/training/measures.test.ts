import { describe, expect, it } from 'vitest';
import { chooseCuts, limitWarnings } from '../../src/training/cuts.ts';
import { groupFolds } from '../../src/training/folds.ts';
import { areaInterval, wilson } from '../../src/statistics/interval.ts';
import { intervalsOf } from '../../src/training/intervals.ts';
import { auroc, measure, ranked, type ScoredImage } from '../../src/training/measures.ts';
import { randomFrom } from '../../src/training/random.ts';

const image = (probability: number, isDefective: boolean, group = String(Math.random())): ScoredImage => ({
  file: `${probability}`,
  isDefective,
  group,
  probability,
  unfamiliarity: null,
});
const ones = (n: number) => new Float64Array(n).fill(1);

describe('measures', () => {
  it('let nothing unfamiliar pass or escape, whatever it scores', () => {
    const far = (probability: number, isDefective: boolean) => ({
      ...image(probability, isDefective),
      unfamiliarity: 1,
    });
    const scores = ranked([far(0.9, false), image(0.9, true), far(0.1, true), image(0.1, true), far(0.1, false)]);
    const found = measure(scores, ones(5), { passBelow: 0.3, failAbove: 0.7 });
    expect(found.escapeRate).toBeCloseTo(1 / 3);
    expect(found.falseRejectRate).toBe(0.5);
    expect(found.reviewRate).toBeCloseTo(2 / 5);
  });

  it('counts every pair for the area, and half of those that tie', () => {
    const scores = [image(0.9, true), image(0.5, true), image(0.5, false), image(0.1, false)];
    expect(auroc(scores)).toBe(0.875);
  });

  it('agrees with counting pairs one by one', () => {
    const random = randomFrom(3);
    const scores = Array.from({ length: 60 }, () => image(Math.round(random() * 20) / 20, random() < 0.4));
    const [bad, good] = [scores.filter((s) => s.isDefective), scores.filter((s) => !s.isDefective)];
    const pairs = bad.flatMap((b) =>
      good.map((g) => (b.probability > g.probability ? 1 : b.probability === g.probability ? 0.5 : 0)),
    );
    expect(auroc(scores)).toBeCloseTo(pairs.reduce<number>((a, b) => a + b, 0) / pairs.length, 12);
  });

  it('measures escapes, false rejects and calibration at the cuts', () => {
    const scores = ranked([
      image(0.05, true),
      image(0.95, true),
      image(0.5, false),
      image(0.95, false),
      image(0.15, false),
    ]);
    const found = measure(scores, ones(5), { passBelow: 0.2, failAbove: 0.8 });
    expect(found.escapeRate).toBe(0.5);
    expect(found.falseRejectRate).toBeCloseTo(1 / 3, 12);
    expect(found.reviewRate).toBeCloseTo(0.2, 12);
    expect(found.accuracy).toBeCloseTo(0.4, 12);
    // |0.05 - 1| + |0.15 - 0| + |0.5 - 0| + |1.9 - 1|, over five images
    expect(found.ece).toBeCloseTo((0.95 + 0.15 + 0.5 + 0.9) / 5, 12);
  });

  it('says NaN, not a number, where a class is missing', () => {
    const found = measure([image(0.5, false)], ones(1), { passBelow: 0.2, failAbove: 0.8 });
    expect(found.auroc).toBeNaN();
    expect(found.escapeRate).toBeNaN();
  });
});

describe('intervals', () => {
  it('are wider where the same images belong to fewer groups', () => {
    const random = randomFrom(5);
    const scores = Array.from({ length: 200 }, (_, i) => image(random() * 0.6 + (i % 2) * 0.3, i % 2 === 1, `g${i}`));
    const grouped = scores.map((each, i) => ({ ...each, group: `g${i % 2}-${Math.floor(each.probability * 8)}` }));
    const cuts = { passBelow: 0.3, failAbove: 0.7 };
    const width = (images: readonly ScoredImage[]) => {
      const interval = intervalsOf(images, cuts).auroc;
      return (interval?.high ?? 0) - (interval?.low ?? 0);
    };
    expect(width(scores)).toBeGreaterThan(0.02);
    expect(width(grouped)).toBeGreaterThan(1.5 * width(scores));
  });

  it('are null for what cannot be measured, the same for the same images', () => {
    const good = Array.from({ length: 40 }, (_, i) => image(i / 40, false));
    const cuts = { passBelow: 0.3, failAbove: 0.7 };
    expect(intervalsOf(good, cuts).auroc).toBeNull();
    expect(intervalsOf(good, cuts)).toEqual(intervalsOf(good, cuts));
  });

  it('never call sure what merely did not happen on so few parts', () => {
    const apart = Array.from({ length: 40 }, (_, i) => image(i % 2 === 0 ? 0.9 : 0.1, i % 2 === 0, `g${i}`));
    const cuts = { passBelow: 0.5, failAbove: 0.5 };
    const found = intervalsOf(apart, cuts);
    expect(found.escapeRate).toEqual({ low: 0, high: expect.closeTo(0.161, 3) });
    expect(found.falseRejectRate?.high).toBeCloseTo(0.161, 3);
    expect(found.accuracy).toEqual({ low: expect.closeTo(0.912, 3), high: 1 });
    expect(found.auroc?.low).toBeLessThan(0.95);
    expect(found.auroc?.high).toBe(1);
    expect(found.averagePrecision).toBeNull();
    // No round has an image on the wrong side, however little the scores differ: nobody knows how wrong a new one would be.
    const nearly = apart.map((each, i) => ({ ...each, probability: Math.abs(each.probability - i * 1e-5) }));
    expect(intervalsOf(nearly, cuts).ece).toBeNull();
    expect(found.ece).toBeNull();
    // The same images of two parts of each class: hardly anything is known.
    const parts = apart.map((each, i) => ({ ...each, group: `${i % 4}` }));
    expect(intervalsOf(parts, cuts).escapeRate?.high).toBeGreaterThan(0.6);
    expect(intervalsOf(parts, cuts).auroc?.low).toBeLessThan(0.6);
  });

  it('of a calibration error hold it, and the true one: chance adds to it in every round', () => {
    // 60 scores, twice as sure as they may be: the true error is known.
    const odds = (p: number) => p / (1 - p);
    const truth = (p: number) => Math.sqrt(odds(p)) / (1 + Math.sqrt(odds(p)));
    const at = Array.from({ length: 60 }, (_, i) => (i + 0.5) / 60);
    const trueError = at.reduce((sum, p) => sum + Math.abs(p - truth(p)), 0) / at.length;
    let held = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomFrom(seed);
      const scores = at.map((p, i) => image(p, random() < truth(p), `g${i}`));
      const cuts = { passBelow: 0.3, failAbove: 0.7 };
      const found = measure(ranked(scores), ones(60), cuts).ece;
      const { low, high } = intervalsOf(scores, cuts).ece ?? { low: 1, high: 0 };
      expect(low).toBeLessThanOrEqual(found);
      expect(high).toBeGreaterThanOrEqual(found);
      if (low <= trueError && trueError <= high) held++;
    }
    expect(held).toBeGreaterThanOrEqual(15);
  });

  it('of an area: as chance reaches, from both sides alike, the less the more parts there are', () => {
    const few = areaInterval(0.9, 10, 20);
    expect(few.low).toBeCloseTo(0.699, 3);
    const turned = areaInterval(0.1, 20, 10);
    expect(turned).toEqual({ low: expect.closeTo(1 - few.high, 9), high: expect.closeTo(1 - few.low, 9) });
    expect(areaInterval(0.9, 1000, 1000).low).toBeGreaterThan(0.88);
  });

  it('of a share: no escape among 30 still allows more than 10 %', () => {
    expect(wilson(0, 30).high).toBeCloseTo(0.1135, 3);
    expect(wilson(0.5, 0)).toEqual({ low: 0, high: 1 });
  });
});

describe('cuts', () => {
  const many = [
    ...Array.from({ length: 100 }, (_, i) => image(0.4 + i / 200, true)),
    ...Array.from({ length: 100 }, (_, i) => image(i / 200, false)),
  ];

  it('let at most the stated shares pass and fail', () => {
    const choice = chooseCuts(many, { escapes: 0.02, falseRejects: 0.01 });
    if (choice.kind === 'none') throw new Error(choice.why);
    expect(choice.escapeRate).toBeLessThanOrEqual(0.02);
    expect(choice.falseRejectRate).toBeLessThanOrEqual(0.01);
    expect(choice.cuts.passBelow).toBeCloseTo(0.41, 6);
    expect(choice.cuts.failAbove).toBeGreaterThan(choice.cuts.passBelow);
  });

  it('leave to a person what lies between the good scores and the defective ones', () => {
    const apart = [0.7, 0.9, 0.99].map((p) => image(p, true)).concat([0.02, 0.1, 0.2].map((p) => image(p, false)));
    const choice = chooseCuts(apart, { escapes: 0.02, falseRejects: 0.02 });
    expect(choice).toMatchObject({ cuts: { passBelow: 0.201, failAbove: 0.7 }, escapeRate: 0, falseRejectRate: 0 });
  });

  it('say when the limit is met but too few parts show it', () => {
    const choice = chooseCuts(many, { escapes: 0.02, falseRejects: 0.01 });
    expect(choice).toMatchObject({ kind: 'chosen', isShown: false });
    expect(chooseCuts(many, { escapes: 0.2, falseRejects: 0.01 })).toMatchObject({ kind: 'chosen', isShown: false });
    const sure = Array.from({ length: 1000 }, (_, i) => image(i % 2 === 0 ? 0.9 : 0.1, i % 2 === 0));
    expect(chooseCuts(sure, { escapes: 0.02, falseRejects: 0.01 })).toMatchObject({ kind: 'chosen', isShown: true });
  });

  it('say where no cut can meet a limit, since some defect scores as good as nothing', () => {
    const limits = { escapes: 0.02, falseRejects: 0.02 };
    const bad = [0.0001, ...Array.from({ length: 19 }, () => 0.9)].map((p) => image(p, true));
    const good = [0.9999, ...Array.from({ length: 19 }, () => 0.1)].map((p) => image(p, false));
    const choice = chooseCuts([...bad, ...good], limits);
    if (choice.kind === 'none') throw new Error(choice.why);
    expect(choice.escapeRate).toBe(0.05);
    const [escapes, falseRejects] = limitWarnings(choice, limits);
    expect(escapes).toMatch(/limit of 0\.02 defective images that pass is not met: 0\.050 of them/);
    expect(falseRejects).toMatch(/limit of 0\.02 good images that fail is not met: 0\.050 of them/);
  });

  it('never come from a set without defects, or without good parts', () => {
    expect(chooseCuts([image(0.1, false)], { escapes: 0.02, falseRejects: 0.01 }).kind).toBe('none');
    expect(chooseCuts([image(0.1, true)], { escapes: 0.02, falseRejects: 0.01 }).kind).toBe('none');
  });
});

describe('folds', () => {
  it('never split a group, and spread both classes', () => {
    const images = Array.from({ length: 120 }, (_, i) => ({ group: `g${i % 30}`, isDefective: i % 30 < 10 }));
    const folds = groupFolds(images, 5, 1);
    for (const [i, { group }] of images.entries()) {
      expect(folds[i]).toBe(folds[images.findIndex((each) => each.group === group)]);
    }
    for (let fold = 0; fold < 5; fold++) {
      const inside = images.filter((_, i) => folds[i] === fold);
      expect(inside).toHaveLength(24);
      expect(inside.filter((each) => each.isDefective)).toHaveLength(8);
    }
    expect(groupFolds(images, 5, 1)).toEqual(folds);
  });
});
