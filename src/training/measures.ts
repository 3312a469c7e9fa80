/**
 * What scores are worth: areas, calibration, escapes. Every figure takes a weight per image, so that a bootstrap round is one
 * pass over scores that were sorted once. Pure.
 */

import { isUnfamiliar, type Score } from '../frame/score.ts';

export interface ScoredImage extends Score {
  readonly file: string;
  readonly isDefective: boolean;
  readonly group: string;
}

export interface DecisionCuts {
  readonly passBelow: number;
  readonly failAbove: number;
}

/** Shares and areas 0..1; NaN where there is nothing to measure on (no defective image, no good one). */
export interface Measures {
  readonly auroc: number;
  readonly averagePrecision: number;
  /** Share of images on the right side of 0.5. */
  readonly accuracy: number;
  /** Expected calibration error over BINS bins of equal width. */
  readonly ece: number;
  /** Share of the defective images that pass. */
  readonly escapeRate: number;
  /** Share of the good images that fail. */
  readonly falseRejectRate: number;
  /** Share of all images that go to a person. */
  readonly reviewRate: number;
}

export const BINS = 10;

/** Highest probability first. */
export function ranked<S extends ScoredImage>(scores: readonly S[]): S[] {
  return scores.toSorted((a, b) => b.probability - a.probability);
}

export function binOf(probability: number): number {
  return Math.min(Math.floor(probability * BINS), BINS - 1);
}

/**
 * @param images highest probability first
 * @param weights one per image, in the same order; all 1 for the plain figure
 */
export function measure(images: readonly ScoredImage[], weights: Float64Array, cuts: DecisionCuts): Measures {
  let bad = 0;
  let good = 0;
  let area = 0;
  let precision = 0;
  let right = 0;
  let escaped = 0;
  let rejected = 0;
  let reviewed = 0;
  const bins = Array.from({ length: BINS }, () => ({ weight: 0, probability: 0, bad: 0 }));
  for (let i = 0; i < images.length; ) {
    // Images of the same score are one step of the curve: half of their pairs count.
    const score = images[i]?.probability ?? 0;
    let badHere = 0;
    let goodHere = 0;
    // Of both: they do not pass, and a defective one is no escape.
    let unfamiliarHere = 0;
    let unfamiliarBad = 0;
    for (let image = images[i]; image?.probability === score; image = images[++i]) {
      const weight = weights[i] ?? 0;
      if (image.isDefective) badHere += weight;
      else goodHere += weight;
      if (!isUnfamiliar(image)) continue;
      unfamiliarHere += weight;
      if (image.isDefective) unfamiliarBad += weight;
    }
    area += goodHere * (bad + badHere / 2);
    bad += badHere;
    good += goodHere;
    if (badHere > 0) precision += (badHere * bad) / (bad + good);
    right += score >= 0.5 ? badHere : goodHere;
    if (score >= cuts.failAbove) rejected += goodHere;
    else if (score < cuts.passBelow) {
      escaped += badHere - unfamiliarBad;
      reviewed += unfamiliarHere;
    } else reviewed += badHere + goodHere;
    const bin = bins[binOf(score)];
    if (bin !== undefined) {
      bin.weight += badHere + goodHere;
      bin.probability += score * (badHere + goodHere);
      bin.bad += badHere;
    }
  }
  const all = bad + good;
  return {
    auroc: area / (bad * good),
    averagePrecision: precision / bad,
    accuracy: right / all,
    ece: bins.reduce((sum, bin) => sum + Math.abs(bin.probability - bin.bad), 0) / all,
    escapeRate: escaped / bad,
    falseRejectRate: rejected / good,
    reviewRate: reviewed / all,
  };
}

/** @returns area under the receiver operating characteristic; NaN where one class is missing */
export function auroc(scores: readonly Pick<ScoredImage, 'isDefective' | 'probability'>[]): number {
  const images = ranked(
    scores.map(({ isDefective, probability }) => ({
      file: '',
      group: '',
      isDefective,
      probability,
      unfamiliarity: null,
    })),
  );
  return measure(images, new Float64Array(images.length).fill(1), { passBelow: 0, failAbove: 1 }).auroc;
}
