/** Two cuts out of validation scores, escapes first. Never out of the images that the model is measured on. Pure. */

import { type Interval, wilson } from '../statistics/interval.ts';
import { type DecisionCuts, type ScoredImage } from './measures.ts';

export interface CutLimits {
  /** Share of defective images that may pass, 0..1. */
  readonly escapes: number;
  /** Share of good images that may fail, 0..1. */
  readonly falseRejects: number;
}

export type CutChoice =
  | {
      readonly kind: 'chosen';
      readonly cuts: DecisionCuts;
      readonly escapeRate: number;
      /** 95 %, with one vote per group of defective images: images of one part are one case. */
      readonly escapeInterval: Interval;
      readonly falseRejectRate: number;
      readonly falseRejectInterval: Interval;
      /** Whether the interval's upper end lies within the limit; if not, the limit is met here but not yet shown. */
      readonly isShown: boolean;
    }
  | { readonly kind: 'none'; readonly why: string };

/** Cuts have this many steps from 0 to 1: a person reads and sets them. */
const STEPS = 1000;

export function chooseCuts(scores: readonly ScoredImage[], limits: CutLimits): CutChoice {
  const bad = scores.filter((each) => each.isDefective);
  const good = scores.filter((each) => !each.isDefective);
  if (bad.length === 0) return { kind: 'none', why: 'no defective image: what escapes cannot be measured' };
  if (good.length === 0)
    return { kind: 'none', why: 'no good image: what would be rejected falsely cannot be measured' };
  const ascending = bad.map((each) => each.probability).sort((a, b) => a - b);
  const descending = good.map((each) => each.probability).sort((a, b) => b - a);
  // The first defect that may not escape, and the first good part that may not fail.
  const lowest = ascending[Math.floor(bad.length * limits.escapes)] ?? 0;
  const highest = descending[Math.floor(good.length * limits.falseRejects)] ?? 1;
  const underDefects = Math.max(1, Math.floor(lowest * STEPS)) / STEPS;
  const overGood = Math.min(STEPS - 1, Math.floor(highest * STEPS) + 1) / STEPS;
  // Between the two lies what was not seen yet, if the scores leave a gap: that is for a person to judge, never a PASS.
  const passBelow = Math.min(underDefects, overGood);
  const failAbove = Math.max(underDefects, overGood);
  const escapeRate = share(bad, (p) => p < passBelow);
  const falseRejectRate = share(good, (p) => p >= failAbove);
  const escapeInterval = wilson(escapeRate, groupsOf(bad));
  return {
    kind: 'chosen',
    cuts: { passBelow, failAbove },
    escapeRate,
    escapeInterval,
    falseRejectRate,
    falseRejectInterval: wilson(falseRejectRate, groupsOf(good)),
    isShown: escapeInterval.high <= limits.escapes,
  };
}

/** Cuts have a least and a largest value: an image beyond it is on its wrong side whatever the limits say. */
export function limitWarnings(cuts: Extract<CutChoice, { kind: 'chosen' }>, limits: CutLimits): string[] {
  const warnings: string[] = [];
  const unmet = (what: string, limit: number, rate: number, why: string) =>
    `the limit of ${limit} ${what} is not met: ${rate.toFixed(3)} of them ${why}; look whether they are labelled wrongly`;
  if (cuts.escapeRate > limits.escapes) {
    warnings.push(unmet('defective images that pass', limits.escapes, cuts.escapeRate, 'score below the least cut'));
  } else if (!cuts.isShown) {
    warnings.push(
      `the escape limit of ${limits.escapes} is met on these images but not shown: with 95 % confidence at most ` +
        `${cuts.escapeInterval.high.toFixed(3)} escape`,
    );
  }
  if (cuts.falseRejectRate > limits.falseRejects) {
    const why = 'score above the largest cut';
    warnings.push(unmet('good images that fail', limits.falseRejects, cuts.falseRejectRate, why));
  }
  return warnings;
}

function share(images: readonly ScoredImage[], holds: (probability: number) => boolean): number {
  return images.filter((image) => holds(image.probability)).length / images.length;
}

function groupsOf(images: readonly ScoredImage[]): number {
  return new Set(images.map((image) => image.group)).size;
}
