/** Scores of a labelled folder to everything that is said about them. Pure. */

import { isUnfamiliar } from '../frame/score.ts';
import { intervalsOf, type MeasureIntervals } from './intervals.ts';
import { type DecisionCuts, type Measures, measure, ranked, type ScoredImage } from './measures.ts';
import type { SeenAmong } from './seen-images.ts';
import { alikeAcross, alikeAcrossGroups, type Fingerprint, labelledTwice } from './near-duplicates.ts';

export type VerdictName = 'PASS' | 'REVIEW' | 'FAIL' | 'UNINSPECTED';

/** An image as the engines answered it. */
export interface EvaluatedImage extends Omit<ScoredImage, 'probability'> {
  readonly kind: string;
  /** Null exactly when `verdict` is UNINSPECTED. */
  readonly probability: number | null;
  readonly verdict: VerdictName;
  /** Why it was not inspected, or null. */
  readonly reason: string | null;
  /** Milliseconds, 0 where it was not inspected. */
  readonly decodeMs: number;
  readonly inferMs: number;
}

export interface Evaluation {
  readonly images: readonly EvaluatedImage[];
  /** Those with a probability. */
  readonly scored: readonly (EvaluatedImage & ScoredImage)[];
  readonly cuts: DecisionCuts;
  /** Null where no image was scored. */
  readonly measures: Measures | null;
  readonly intervals: MeasureIntervals | null;
  readonly groups: number;
  readonly escapes: readonly EvaluatedImage[];
  readonly falseRejects: readonly EvaluatedImage[];
  /** How many of these images the model was trained on, by its own list; null where it has none. */
  readonly trainedOn: number | null;
  /** What a reader must know before believing any figure. */
  readonly warnings: readonly string[];
}

export interface EvaluationInput {
  readonly images: readonly EvaluatedImage[];
  readonly cuts: DecisionCuts;
  readonly hasGroups: boolean;
  readonly fingerprints: readonly Fingerprint[];
  /** Of the images the model was trained on; null where the caller does not know them. */
  readonly trained: readonly Fingerprint[] | null;
  /** What the package itself says of them; null where it says nothing. */
  readonly seen: SeenAmong | null;
}

/** Fewer cases than this of a class and its rates are guesses. */
const FEW_GROUPS = 30;
const SHOWN = 5;

export function evaluate(input: EvaluationInput): Evaluation {
  const { images, cuts } = input;
  const scored = images.filter((image): image is EvaluatedImage & ScoredImage => image.probability !== null);
  const hasScores = scored.length > 0;
  const rankedImages = ranked(scored);
  return {
    images,
    scored: rankedImages,
    cuts,
    measures: hasScores ? measure(rankedImages, new Float64Array(scored.length).fill(1), cuts) : null,
    intervals: hasScores ? intervalsOf(scored, cuts) : null,
    groups: new Set(images.map((image) => image.group)).size,
    escapes: images.filter((image) => image.isDefective && image.verdict === 'PASS'),
    falseRejects: images.filter((image) => !image.isDefective && image.verdict === 'FAIL'),
    trainedOn: input.seen?.trainedOn ?? null,
    warnings: warningsOf(input),
  };
}

function warningsOf({ images, hasGroups, fingerprints, trained, seen }: EvaluationInput): string[] {
  const warnings: string[] = [];
  for (const [name, isDefective] of [
    ['defective', true],
    ['good', false],
  ] as const) {
    const groups = new Set(images.filter((image) => image.isDefective === isDefective).map((image) => image.group))
      .size;
    if (groups === 0) warnings.push(`no ${name} images: what they would show cannot be measured`);
    else if (groups < FEW_GROUPS) warnings.push(`only ${groups} groups of ${name} images: the intervals are wide`);
  }
  const unfamiliar = images.filter(isUnfamiliar).length;
  if (unfamiliar > 0) {
    warnings.push(`${unfamiliar} images show what the model has learned nothing of (unfamiliar): none of them passes`);
  }
  const missing = images.filter((image) => image.probability === null).length;
  if (missing > 0) warnings.push(`${missing} images were not inspected and are in no figure but their own count`);
  warnings.push(...likenessWarnings({ hasGroups }, fingerprints));
  warnings.push(...(seen?.warnings ?? []));
  if (trained === null) {
    if (seen !== null) return warnings;
    warnings.push('the images that the model was trained on are not known: nothing was checked against them');
    return warnings;
  }
  const leaked = alikeAcross(fingerprints, trained);
  const known = leaked.filter((pair) => pair.isIdentical);
  const alike = leaked.filter((pair) => !pair.isIdentical);
  if (known.length > 0) {
    warnings.push(`LEAK: the model was trained on ${known.length} of these very images${examples(known)}`);
  }
  if (alike.length > 0)
    warnings.push(`${alike.length} images look nearly like one it was trained on${examples(alike)}`);
  const groups = new Set(trained.map((image) => image.group));
  const shared = [...new Set(images.map((image) => image.group))].filter((group) => groups.has(group));
  if (shared.length > 0 && hasGroups) {
    warnings.push(`LEAK: ${shared.length} groups were also trained on: ${shared.slice(0, SHOWN).join(', ')}`);
  }
  return warnings;
}

/** What makes images that were held back look less unknown than they are. */
export function likenessWarnings(
  { hasGroups }: { readonly hasGroups: boolean },
  fingerprints: readonly Fingerprint[],
): string[] {
  const warnings: string[] = [];
  if (!hasGroups)
    warnings.push('no groups given: every image counts as a part of its own, and intervals may be too narrow');
  const torn = alikeAcrossGroups(fingerprints);
  const same = torn.filter((pair) => pair.isIdentical);
  const near = torn.filter((pair) => !pair.isIdentical);
  if (same.length > 0) warnings.push(`${same.length} images are identical to one of another group${examples(same)}`);
  if (near.length > 0) warnings.push(`${near.length} images look nearly like one of another group${examples(near)}`);
  const twice = labelledTwice(fingerprints);
  if (twice.length > 0) warnings.push(`${twice.length} images are labelled OK and NG at once${examples(twice)}`);
  return warnings;
}

function examples(pairs: readonly { readonly a: Fingerprint; readonly b: Fingerprint }[]): string {
  return `: ${pairs
    .slice(0, SHOWN)
    .map(({ a, b }) => `${a.file} = ${b.file}`)
    .join(', ')}${pairs.length > SHOWN ? ' …' : ''}`;
}
