/** How sure a figure is. Images of one group rise and fall together, so groups are drawn and counted, not images. Pure. */

import { areaInterval, type Interval, wilson } from '../statistics/interval.ts';
import { medianOf } from '../statistics/median.ts';
import { type DecisionCuts, type Measures, measure, ranked, type ScoredImage } from './measures.ts';
import { randomFrom } from './random.ts';

export type MeasureIntervals = Readonly<Record<keyof Measures, Interval | null>>;

const ROUNDS = 1000;
/** Rounds in which a figure exists, below which it has no interval. */
const LEAST_ROUNDS = 100;

/**
 * 95 % intervals; null for a figure that cannot be measured. Rates at the cuts: Wilson's, one vote per group. The others: a bootstrap over
 * groups. Where no image is wrong every round says the same, which is no certainty: then score intervals of as many groups, or none.
 */
export function intervalsOf(scores: readonly ScoredImage[], cuts: DecisionCuts, seed = 1): MeasureIntervals {
  const images = ranked(scores);
  const found = measure(images, new Float64Array(images.length).fill(1), cuts);
  const rounds = bootstrap(images, cuts, seed);
  const groups = groupsOf(images);
  const bad = groupsOf(images.filter((image) => image.isDefective));
  const good = groupsOf(images.filter((image) => !image.isDefective));
  const drawn = (key: keyof Measures) => spreadOf(rounds.map((round) => round[key]));
  const voted = (key: keyof Measures, votes: number) => (votes === 0 ? null : wilson(found[key], votes));
  const accuracy = drawn('accuracy');
  const errors = rounds.map((round) => round.ece);
  return {
    auroc: drawn('auroc') ?? (bad === 0 || good === 0 ? null : areaInterval(found.auroc, bad, good)),
    averagePrecision: drawn('averagePrecision'),
    accuracy: accuracy ?? voted('accuracy', groups),
    // Scores that differ in their last digits make rounds that do, and know no more than rounds that are the same.
    ece: accuracy === null ? null : errorInterval(found.ece, errors),
    escapeRate: voted('escapeRate', bad),
    falseRejectRate: voted('falseRejectRate', good),
    reviewRate: voted('reviewRate', groups),
  };
}

/** The figures of each round, in which as many groups are drawn as there are, some of them more than once. */
function bootstrap(images: readonly ScoredImage[], cuts: DecisionCuts, seed: number): Measures[] {
  const names = [...new Set(images.map((image) => image.group))];
  const numberOf = new Map(names.map((name, i) => [name, i]));
  const groupOf = images.map((image) => numberOf.get(image.group) ?? 0);
  const random = randomFrom(seed);
  const weights = new Float64Array(images.length);
  return Array.from({ length: ROUNDS }, () => {
    const drawn = new Float64Array(names.length);
    for (let k = 0; k < names.length; k++) {
      const group = Math.floor(random() * names.length);
      drawn[group] = (drawn[group] ?? 0) + 1;
    }
    for (let i = 0; i < weights.length; i++) weights[i] = drawn[groupOf[i] ?? 0] ?? 0;
    return measure(images, weights, cuts);
  });
}

/** Null where too few rounds have the figure, and where all of them say the same but for rounding. */
function spreadOf(figures: readonly number[]): Interval | null {
  const values = figures.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (values.length < LEAST_ROUNDS || (values.at(-1) ?? 0) - (values[0] ?? 0) < 1e-9) return null;
  const at = (share: number) => values[Math.round(share * (values.length - 1))] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}

/**
 * Of a sum of absolute errors: chance only adds to it, in the images and once more in each round, whose middle lies above the figure.
 * So what the rounds reach above the figure is taken off below it, and what they reach above their middle is put on above it. Of 60
 * scores twice as sure as they may be, drawn 20 times, 16 such intervals hold the true error, and 3 of the plain ones.
 */
function errorInterval(error: number, figures: readonly number[]): Interval | null {
  const spread = spreadOf(figures);
  if (spread === null) return null;
  const middle = medianOf(figures) ?? error;
  return {
    low: Math.max(0, Math.min(error, 2 * error - spread.high)),
    high: Math.min(1, error + spread.high - middle),
  };
}

function groupsOf(images: readonly ScoredImage[]): number {
  return new Set(images.map((image) => image.group)).size;
}
