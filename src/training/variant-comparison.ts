/** A cheaper form of a model against the model itself, on the same images. Pure. */

import { type Interval, wilson } from '../statistics/interval.ts';
import type { EvaluatedImage, VerdictName } from './evaluation.ts';
import { type DecisionCuts, measure, ranked, type ScoredImage } from './measures.ts';

export interface VariantLimits {
  /** Of the area under the ROC curve. */
  readonly aurocDrop: number;
  /** Share of the defective images. */
  readonly newEscapes: number;
}

export interface Flip {
  readonly file: string;
  readonly isDefective: boolean;
  readonly from: VerdictName;
  readonly to: VerdictName;
}

export interface VariantComparison {
  readonly images: number;
  /** NaN where one class is missing. */
  readonly auroc: number;
  /** Of the model itself less that of the variant. */
  readonly aurocDrop: number;
  /** The largest difference of two probabilities. */
  readonly maxDifference: number;
  /** Images whose verdict at the cuts is another. */
  readonly flips: readonly Flip[];
  /** Defective images that PASS with the variant alone. */
  readonly newEscapes: number;
  /** 95 %, of the share of the defective images, one vote per group. */
  readonly newEscapeInterval: Interval;
  /** Why the variant is not fit; empty where it is. */
  readonly faults: readonly string[];
}

/** @param variant the images of `original` in the same order, scored by the variant */
export function compareVariant(
  original: readonly EvaluatedImage[],
  variant: readonly EvaluatedImage[],
  cuts: DecisionCuts,
  limits: VariantLimits,
): VariantComparison {
  const flips: Flip[] = [];
  let maxDifference = 0;
  let lost = 0;
  for (const [i, before] of original.entries()) {
    const after = variant[i];
    if (after === undefined) continue;
    const { file, isDefective } = before;
    if (before.verdict !== after.verdict) flips.push({ file, isDefective, from: before.verdict, to: after.verdict });
    if (before.probability !== null && after.probability === null) lost++;
    if (before.probability !== null && after.probability !== null) {
      maxDifference = Math.max(maxDifference, Math.abs(before.probability - after.probability));
    }
  }
  const auroc = aurocOf(variant, cuts);
  const aurocDrop = aurocOf(original, cuts) - auroc;
  const newEscapes = flips.filter(({ isDefective, to }) => isDefective && to === 'PASS').length;
  const faults: string[] = [];
  if (lost > 0) faults.push(`it gave no score for ${lost} images that the model scores`);
  // Written so that a NaN is a fault.
  if (!(aurocDrop <= limits.aurocDrop)) {
    faults.push(`expected an AUROC drop of at most ${limits.aurocDrop}, got ${aurocDrop.toFixed(5)}`);
  }
  const bad = original.filter((image) => image.isDefective);
  const newEscapeInterval = wilson(newEscapes / bad.length, new Set(bad.map(({ group }) => group)).size);
  const allowed = Math.floor(limits.newEscapes * bad.length);
  if (newEscapes > allowed) faults.push(`expected at most ${allowed} new escapes, got ${newEscapes}`);
  return { images: original.length, auroc, aurocDrop, maxDifference, flips, newEscapes, newEscapeInterval, faults };
}

function aurocOf(images: readonly EvaluatedImage[], cuts: DecisionCuts): number {
  const scored = ranked(images.filter((image): image is EvaluatedImage & ScoredImage => image.probability !== null));
  return measure(scored, new Float64Array(scored.length).fill(1), cuts).auroc;
}
