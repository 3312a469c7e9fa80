/** How sure a figure is. Images of one group rise and fall together, so groups are drawn, not images. Pure. */

import type { Interval } from '../statistics/interval.ts';
import { type DecisionCuts, type Measures, measure, ranked, type ScoredImage } from './measures.ts';
import { randomFrom } from './random.ts';

export type MeasureIntervals = Readonly<Record<keyof Measures, Interval | null>>;

const ROUNDS = 1000;
/** Rounds in which a figure exists, below which it has no interval. */
const LEAST_ROUNDS = 100;

/** 95 % intervals by a bootstrap over groups; null for a figure that most rounds cannot measure. */
export function bootstrap(scores: readonly ScoredImage[], cuts: DecisionCuts, seed = 1): MeasureIntervals {
  const images = ranked(scores);
  const names = [...new Set(images.map((image) => image.group))];
  const numberOf = new Map(names.map((name, i) => [name, i]));
  const groupOf = images.map((image) => numberOf.get(image.group) ?? 0);
  const random = randomFrom(seed);
  const rounds: Measures[] = [];
  const weights = new Float64Array(images.length);
  for (let round = 0; round < ROUNDS; round++) {
    const drawn = new Float64Array(names.length);
    for (let k = 0; k < names.length; k++) {
      const group = Math.floor(random() * names.length);
      drawn[group] = (drawn[group] ?? 0) + 1;
    }
    for (let i = 0; i < weights.length; i++) weights[i] = drawn[groupOf[i] ?? 0] ?? 0;
    rounds.push(measure(images, weights, cuts));
  }
  const of = (key: keyof Measures): Interval | null => {
    const values = rounds
      .map((each) => each[key])
      .filter((value) => !Number.isNaN(value))
      .sort((a, b) => a - b);
    if (values.length < LEAST_ROUNDS) return null;
    const at = (share: number) => values[Math.round(share * (values.length - 1))] ?? Number.NaN;
    return { low: at(0.025), high: at(0.975) };
  };
  return {
    auroc: of('auroc'),
    averagePrecision: of('averagePrecision'),
    accuracy: of('accuracy'),
    ece: of('ece'),
    escapeRate: of('escapeRate'),
    falseRejectRate: of('falseRejectRate'),
    reviewRate: of('reviewRate'),
  };
}
