/**
 * Embeddings and labels to a calibrated linear head with cuts, everything judged on images that the judging fit never saw. Pure.
 */

import { chooseCuts, type CutChoice, type CutLimits } from './cuts.ts';
import { groupFolds } from './folds.ts';
import { bootstrap, type MeasureIntervals } from './intervals.ts';
import type { LabelledImage } from './labelled-folder.ts';
import { balancedWeights, type Fit, fitLogistic, sigmoid } from './logistic.ts';
import { auroc, type Measures, measure, ranked, type ScoredImage } from './measures.ts';
import type { LinearHead } from './onnx-graph.ts';
import { CLIP, scaleOf, standardised } from './standardise.ts';

export interface Example extends Pick<LabelledImage, 'file' | 'group' | 'isDefective'> {
  readonly embedding: Float32Array;
}

export interface Lesson {
  readonly head: LinearHead;
  /** Platt: probability = sigmoid(scale * logit + shift); already part of the head. */
  readonly calibration: { readonly scale: number; readonly shift: number };
  readonly l2: number;
  readonly folds: number;
  /** Cross-validated by group: each image scored by a fit that saw nothing of its part. */
  readonly validation: readonly ScoredImage[];
  readonly cuts: CutChoice;
  readonly measures: Measures | null;
  readonly intervals: MeasureIntervals | null;
  readonly warnings: readonly string[];
}

const PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1];
const FOLDS = 5;
const SEED = 1;
/** A head is fitted well enough when no gradient component is larger. */
const TOLERANCE = 1e-4;
const FEW = 30;
/** Below this the interval of a coin would do as well. */
const UNFIT = 0.6;

/** Too few groups of a class to hold some of them back. */
export class TooLittleError extends Error {
  override readonly name = 'TooLittleError';
}

/** @throws TooLittleError with fewer than two groups or five images of a class */
export function teach(examples: readonly Example[], limits: CutLimits): Lesson {
  const folds = foldsFor(examples);
  const foldOf = groupFolds(examples, folds, SEED);
  let best: { l2: number; logits: readonly number[]; area: number } | undefined;
  for (const l2 of PENALTIES) {
    const logits = heldOutLogits(examples, foldOf, folds, l2);
    const area = auroc(examples.map((example, i) => ({ ...example, probability: logits[i] ?? 0 })));
    // At equal worth the stronger penalty: the smaller weights are the safer guess.
    if (best === undefined || area >= best.area - 0.002) best = { l2, logits, area: Math.max(area, best?.area ?? 0) };
  }
  if (best === undefined) throw new Error('no penalty was tried');
  const { l2, logits } = best;
  const labels = examples.map((example) => example.isDefective);
  const { scale, shift } = platt(logits, labels);
  const validation = examples.map(({ file, group, isDefective }, i) => {
    return { file, group, isDefective, probability: sigmoid(scale * (logits[i] ?? 0) + shift) };
  });
  const choice = chooseCuts(validation, limits);
  const { fit, head } = fitHead(examples, l2);
  const hasCuts = choice.kind === 'chosen';
  const images = ranked(validation);
  const warnings = warningsOf(examples, choice, best.area, fit.isConverged, limits);
  return {
    head: { ...head, weights: head.weights.map((weight) => weight * scale), bias: head.bias * scale + shift },
    calibration: { scale, shift },
    l2,
    folds,
    validation,
    cuts: choice,
    measures: hasCuts ? measure(images, new Float64Array(images.length).fill(1), choice.cuts) : null,
    intervals: hasCuts ? bootstrap(validation, choice.cuts) : null,
    warnings,
  };
}

/** Logits of a head fitted on `examples` for other images. */
export function logitsOf(head: LinearHead, embeddings: readonly Float32Array[]): number[] {
  return embeddings.map((embedding) => {
    let z = head.bias;
    for (const [j, value] of embedding.entries()) {
      const scaled = (value - (head.means[j] ?? 0)) / (head.deviations[j] ?? 1);
      z += (head.weights[j] ?? 0) * Math.max(-head.clip, Math.min(head.clip, scaled));
    }
    return z;
  });
}

function foldsFor(examples: readonly Example[]): number {
  let least = FOLDS;
  for (const isDefective of [false, true]) {
    const of = examples.filter((example) => example.isDefective === isDefective);
    const groups = new Set(of.map((example) => example.group)).size;
    const name = isDefective ? 'defective' : 'good';
    if (of.length < 5 || groups < 2) {
      throw new TooLittleError(
        `expected at least 5 ${name} images of at least 2 parts, got ${of.length} images of ${groups}: ` +
          'without some held back nothing could be said of the model, and no cut could be chosen',
      );
    }
    least = Math.min(least, groups);
  }
  return least;
}

function heldOutLogits(examples: readonly Example[], foldOf: readonly number[], folds: number, l2: number): number[] {
  const logits = examples.map(() => 0);
  for (let fold = 0; fold < folds; fold++) {
    const inside = examples.filter((_, i) => foldOf[i] !== fold);
    const held = examples.flatMap((_, i) => (foldOf[i] === fold ? [i] : []));
    if (held.length === 0) continue;
    const { head } = fitHead(inside, l2);
    const found = logitsOf(
      head,
      held.map((i) => examples[i]?.embedding ?? new Float32Array()),
    );
    for (const [k, i] of held.entries()) logits[i] = found[k] ?? 0;
  }
  return logits;
}

function fitHead(examples: readonly Example[], l2: number): { readonly fit: Fit; readonly head: LinearHead } {
  const rows = examples.map((example) => example.embedding);
  const labels = examples.map((example) => example.isDefective);
  const scale = scaleOf(rows);
  const samples = standardised(rows, scale);
  const fit = fitLogistic(samples, labels, balancedWeights(labels), { l2, tolerance: TOLERANCE });
  const root = Math.sqrt(samples.width);
  return { fit, head: { ...scale, clip: CLIP, weights: fit.weights.map((weight) => weight / root), bias: fit.bias } };
}

/** Platt scaling: a logistic regression of one feature, the held-out logit. A falling curve is no calibration: scale >= 0. */
export function platt(
  logits: readonly number[],
  isDefective: readonly boolean[],
): { readonly scale: number; readonly shift: number } {
  const samples = { values: Float64Array.from(logits), count: logits.length, width: 1 };
  const fit = fitLogistic(samples, isDefective, new Float64Array(logits.length).fill(1), { l2: 1e-3, tolerance: 1e-7 });
  return { scale: Math.max(fit.weights[0] ?? 0, 1e-3), shift: fit.bias };
}

function warningsOf(
  examples: readonly Example[],
  cuts: CutChoice,
  area: number,
  isConverged: boolean,
  limits: CutLimits,
): string[] {
  const warnings: string[] = [];
  for (const isDefective of [false, true]) {
    const groups = new Set(examples.filter((e) => e.isDefective === isDefective).map((e) => e.group)).size;
    const name = isDefective ? 'defective' : 'good';
    if (groups < FEW)
      warnings.push(`only ${groups} different ${name} parts: expect surprises, collect at least ${FEW}`);
  }
  if (area < UNFIT) {
    warnings.push(`held-out AUROC ${area.toFixed(2)}: this backbone does not see these defects. Do not use the model.`);
  }
  if (cuts.kind === 'none') warnings.push(`no cuts: ${cuts.why}`);
  else if (!cuts.isShown) {
    warnings.push(
      `the escape limit of ${limits.escapes} is met on these images but not shown: with 95 % confidence at most ` +
        `${cuts.escapeInterval.high.toFixed(3)} escape`,
    );
  }
  if (!isConverged) warnings.push('the fit stopped before it converged');
  return warnings;
}
