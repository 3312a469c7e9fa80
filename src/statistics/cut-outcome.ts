/** What two cuts would have done with scores that were given: to all parts, and to those that people judged. Pure. */

import { type Interval, wilson } from './interval.ts';
import { binOfCut } from './score-bins.ts';

export interface JudgedScore {
  /** 0..1 */
  readonly probability: number;
  readonly isDefective: boolean;
  /** It does not pass whatever the cuts (src/frame/score.ts). */
  readonly isUnfamiliar: boolean;
  /** What the service said then: parts of one verdict were chosen for judging alike. */
  readonly verdict: 'PASS' | 'FAIL' | 'REVIEW';
  /** Pictures of one part rise and fall together: they are one case. */
  readonly group: number;
}

export interface TwoCuts {
  readonly passBelow: number;
  readonly failAbove: number;
}

export interface PartCounts {
  readonly PASS: number;
  readonly REVIEW: number;
  readonly FAIL: number;
}

export interface Share {
  readonly count: number;
  readonly of: number;
  /** Null where there is nothing to measure on. */
  readonly share: number | null;
  /** 95 %, one vote per group. */
  readonly interval: Interval;
}

/** @param bins how many parts scored in each step of 0.001, `[bin, count]` */
export function countParts(bins: readonly (readonly [number, number])[], cuts: TwoCuts): PartCounts {
  const pass = binOfCut(cuts.passBelow);
  const fail = binOfCut(cuts.failAbove);
  const counts = { PASS: 0, REVIEW: 0, FAIL: 0 };
  for (const [bin, count] of bins) counts[bin >= fail ? 'FAIL' : bin < pass ? 'PASS' : 'REVIEW'] += count;
  return counts;
}

/** Judged defective parts that would have passed. */
export function escapesAmong(judged: readonly JudgedScore[], cuts: TwoCuts): Share {
  const bad = judged.filter((one) => one.isDefective);
  return shareOf(
    bad,
    ({ probability, isUnfamiliar }) => probability < cuts.passBelow && probability < cuts.failAbove && !isUnfamiliar,
  );
}

/** Judged good parts that would have failed. */
export function falseRejectsAmong(judged: readonly JudgedScore[], cuts: TwoCuts): Share {
  const good = judged.filter((one) => !one.isDefective);
  return shareOf(good, ({ probability }) => probability >= cuts.failAbove);
}

export interface Costs {
  readonly escape: number;
  readonly falseReject: number;
  /** A person looks at a part. */
  readonly review: number;
}

export interface Estimate {
  /** Parts in all that would have escaped, and good ones that would have been rejected. */
  readonly escapes: number;
  readonly falseRejects: number;
  /** Per 1000 parts. */
  readonly cost: number;
}

/**
 * What the cuts would have cost, over all parts: each judged part stands for the parts of its verdict that nobody judged.
 * @param given parts by the verdict that they were given
 * @returns null with the verdicts of which nobody judged a part: about those nothing can be said
 */
export function estimate(
  bins: readonly (readonly [number, number])[],
  judged: readonly JudgedScore[],
  given: PartCounts,
  cuts: TwoCuts,
  costs: Costs,
): Estimate | { readonly unknown: readonly (keyof PartCounts)[] } {
  const verdicts = ['PASS', 'REVIEW', 'FAIL'] as const;
  const judgedOf = (verdict: keyof PartCounts) => judged.filter((one) => one.verdict === verdict);
  const unknown = verdicts.filter((verdict) => given[verdict] > 0 && judgedOf(verdict).length === 0);
  if (unknown.length > 0) return { unknown };
  let escapes = 0;
  let falseRejects = 0;
  for (const verdict of verdicts) {
    const some = judgedOf(verdict);
    if (some.length === 0) continue;
    const weight = given[verdict] / some.length;
    escapes += weight * escapesAmong(some, cuts).count;
    falseRejects += weight * falseRejectsAmong(some, cuts).count;
  }
  const counts = countParts(bins, cuts);
  const all = counts.PASS + counts.REVIEW + counts.FAIL;
  const cost = escapes * costs.escape + falseRejects * costs.falseReject + counts.REVIEW * costs.review;
  return { escapes, falseRejects, cost: all === 0 ? 0 : (1000 * cost) / all };
}

export function shareOf<J extends { readonly group: number }>(cases: readonly J[], holds: (one: J) => boolean): Share {
  const count = cases.filter(holds).length;
  const groups = new Set(cases.map(({ group }) => group)).size;
  const share = cases.length === 0 ? null : count / cases.length;
  return { count, of: cases.length, share, interval: wilson(share ?? 0, groups) };
}
