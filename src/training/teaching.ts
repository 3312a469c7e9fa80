/**
 * Embeddings and labels to a calibrated linear head with cuts, everything judged on images that the judging fit never saw. Pure.
 */

import { chooseCuts, type CutChoice, type CutLimits } from './cuts.ts';
import { groupFolds } from './folds.ts';
import { bootstrap, type MeasureIntervals } from './intervals.ts';
import type { LabelledImage } from './labelled-folder.ts';
import { balancedWeights, type Fit, fitLogistic, sigmoid } from './logistic.ts';
import { auroc, type Measures, measure, ranked, type ScoredImage } from './measures.ts';
import { distances, type Patches, remember, strangeness } from './patch-memory.ts';
import { randomFrom } from './random.ts';
import { clipped, CLIP, scaleOf, sharesOf, standardised } from './standardise.ts';
import type { LinearHead, TaughtHead } from './taught-graph.ts';

/** What the backbone says of an image. */
export interface Embedded {
  /** Each of its own width, in the backbone's order. */
  readonly blocks: readonly Float32Array[];
  readonly patches: Patches;
}

export interface Example extends Embedded, Pick<LabelledImage, 'file' | 'group' | 'isDefective'> {}

export interface Lesson {
  readonly head: TaughtHead;
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

/**
 * Penalty times images. Choosing it anew by cross-validation made 60 images no better and less steady: the folds disagree by more
 * than the penalties do.
 */
const PENALTY = 1 / 30;
/** What a deviation of the linear score and one of the strangeness count while there are few images. */
const PRIOR = [1 / Math.hypot(1, 0.7), 0.7 / Math.hypot(1, 0.7)] as const;
/** So many images weigh as much as the prior: of 60, cross-validation says too little of what the two are worth. */
const PRIOR_IMAGES = 200;
const FOLDS = 5;
const SEED = 1;
/** A head is fitted well enough when no gradient component is larger. */
const TOLERANCE = 3e-5;
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
  const held = heldOut(examples, foldOf, folds);
  const labels = examples.map((example) => example.isDefective);
  const patchWeight = patchWeightOf(held, labels);
  const logits = held.map((each) => each.linear + patchWeight * each.strangeness);
  const { scale, shift } = platt(logits, labels);
  const validation = examples.map(({ file, group, isDefective }, i) => {
    return { file, group, isDefective, probability: sigmoid(scale * (logits[i] ?? 0) + shift) };
  });
  const choice = chooseCuts(validation, limits);
  const { fit, head } = fitLinear(examples);
  const area = auroc(validation);
  const hasCuts = choice.kind === 'chosen';
  const images = ranked(validation);
  const warnings = warningsOf(examples, choice, area, fit.isConverged, limits);
  return {
    head: {
      linear: { ...head, weights: head.weights.map((weight) => weight * scale), bias: head.bias * scale + shift },
      memory: remember(goodPatches(examples), randomFrom(SEED)),
      patchWeight: patchWeight * scale,
      mapRange: mapRangeOf(held.filter((_, i) => labels[i] === false)),
    },
    calibration: { scale, shift },
    l2: penaltyFor(examples),
    folds,
    validation,
    cuts: choice,
    measures: hasCuts ? measure(images, new Float64Array(images.length).fill(1), choice.cuts) : null,
    intervals: hasCuts ? bootstrap(validation, choice.cuts) : null,
    warnings,
  };
}

/** The logit of the taught graph, computed here. */
export function logitOf({ linear, memory, patchWeight }: TaughtHead, image: Embedded): number {
  return linearLogit(linear, image) + patchWeight * strangeness(distances(memory, image.patches));
}

function linearLogit({ means, deviations, clip, weights, bias }: LinearHead, { blocks }: Embedded): number {
  let z = bias;
  let j = 0;
  for (const block of blocks) {
    for (const value of block) {
      z += (weights[j] ?? 0) * clipped((value - (means[j] ?? 0)) / (deviations[j] ?? 1), clip);
      j++;
    }
  }
  return z;
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

interface HeldOut {
  readonly linear: number;
  readonly strangeness: number;
  /** Of the image's patches. */
  readonly medianDistance: number;
  readonly mostDistance: number;
}

/** What each image scores with a head and a memory that know nothing of its part. */
function heldOut(examples: readonly Example[], foldOf: readonly number[], folds: number): HeldOut[] {
  const found: HeldOut[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const inside = examples.filter((_, i) => foldOf[i] !== fold);
    const { head } = fitLinear(inside);
    const memory = remember(goodPatches(inside), randomFrom(SEED));
    for (const [i, example] of examples.entries()) {
      if (foldOf[i] !== fold) continue;
      const ascending = distances(memory, example.patches).sort();
      found[i] = {
        linear: linearLogit(head, example),
        strangeness: strangeness(ascending),
        medianDistance: ascending[ascending.length >> 1] ?? 0,
        mostDistance: ascending.at(-1) ?? 0,
      };
    }
  }
  return found;
}

/**
 * The two scores' weights: what logistic regression of the held-out ones says, drawn to the prior while there are few.
 * @returns what a unit of strangeness counts beside a unit of the linear score
 */
function patchWeightOf(held: readonly HeldOut[], labels: readonly boolean[]): number {
  const rows = held.map((each) => Float32Array.of(each.linear, each.strangeness));
  const scale = scaleOf(rows);
  const samples = standardised(rows, scale, Float64Array.of(1, 1));
  const fit = fitLogistic(samples, labels, balancedWeights(labels), { l2: 0.03, tolerance: 1e-6 });
  // Neither can speak against a defect.
  const found = [0, 1].map((k) => Math.max(0, fit.weights[k] ?? 0));
  const length = Math.hypot(...found);
  const [linear = 0, strange = 0] = PRIOR.map(
    (prior, k) => PRIOR_IMAGES * prior + (length === 0 ? 0 : (held.length * (found[k] ?? 0)) / length),
  );
  const [linearDeviation = 1, strangeDeviation = 1] = scale.deviations;
  return (strange / linear) * (linearDeviation / strangeDeviation);
}

/** Of good images, and of defective ones where a mask says which patches are good. */
function goodPatches(examples: readonly Example[]): Patches[] {
  return examples
    .filter(({ isDefective, patches }) => !isDefective || patches.isMarked !== null)
    .map((example) => example.patches);
}

/** From what is usual on a good part to what its strangest patch is. */
function mapRangeOf(good: readonly HeldOut[]): readonly [number, number] {
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const low = middle(good.map((each) => each.medianDistance));
  const high = middle(good.map((each) => each.mostDistance));
  // Twice as far: a good part's strangest patch is half way to 1.
  return [low, Math.max(low + 2 * (high - low), low + 1e-3)];
}

function penaltyFor(examples: readonly Example[]): number {
  return PENALTY / examples.length;
}

function fitLinear(examples: readonly Example[]): { readonly fit: Fit; readonly head: LinearHead } {
  const rows = examples.map(({ blocks }) => {
    const row = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
    let from = 0;
    for (const block of blocks) {
      row.set(block, from);
      from += block.length;
    }
    return row;
  });
  const labels = examples.map((example) => example.isDefective);
  const scale = scaleOf(rows);
  const shares = sharesOf((examples[0]?.blocks ?? []).map((block) => block.length));
  const samples = standardised(rows, scale, shares);
  const options = { l2: penaltyFor(examples), tolerance: TOLERANCE };
  const fit = fitLogistic(samples, labels, balancedWeights(labels), options);
  const weights = fit.weights.map((weight, j) => weight * (shares[j] ?? 0));
  return { fit, head: { ...scale, clip: CLIP, weights, bias: fit.bias } };
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
