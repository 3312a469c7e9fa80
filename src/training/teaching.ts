/**
 * Embeddings and labels to a calibrated linear head with cuts, everything judged on images that the judging fit never saw. Pure.
 */

import type { Score } from '../frame/score.ts';
import { medianOf } from '../statistics/median.ts';
import { chooseCuts, type CutChoice, type CutLimits, limitWarnings } from './cuts.ts';
import { distanceOf, type Familiarity, limitOf, sharesOfDistance, unfamiliarityOf } from './familiarity.ts';
import { type Grouped, groupFolds } from './folds.ts';
import { intervalsOf, type MeasureIntervals } from './intervals.ts';
import type { LabelledImage } from './labelled-folder.ts';
import { balancedWeights, type Fit, fitLogistic, sigmoid } from './logistic.ts';
import { hasMarks, LEAST_MASKED, learnMarks, markedness } from './marked-patches.ts';
import { auroc, type Measures, measure, ranked, type ScoredImage } from './measures.ts';
import { distances, type Patches, remember, strangeness } from './patch-memory.ts';
import { type GoodPlaces, learnPlaces, misfit, misfits, type Places } from './places.ts';
import { randomFrom } from './random.ts';
import { mixOf } from './score-mix.ts';
import { blockFactors, penaltyFor, weighted, widthsOf } from './blocks.ts';
import { CLIP, inDeviations } from './standardise.ts';
import type { LinearHead, TaughtHead } from './taught-graph.ts';

/** What the backbone says of an image. */
export interface Embedded {
  /** Each of its own width, in the backbone's order. */
  readonly blocks: readonly Float32Array[];
  readonly patches: Patches;
  readonly places: Places;
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
  /** False where the held-out scores are hardly better than a coin's: a warning says so. */
  readonly isFit: boolean;
  readonly warnings: readonly string[];
}

/** What a deviation of the linear score, of the strangeness, of the misfit and of the markedness count where all tell as much. */
const TRUST = [1, 0.7, 1, 1] as const;
const FOLDS = 5;
const SEED = 1;
/** A head is fitted well enough when no gradient component is larger. */
const TOLERANCE = 3e-5;
const FEW = 30;
/** Below this the interval of a coin would do as well. */
const UNFIT = 0.6;
/** Of each class. */
const LEAST = { images: 5, groups: 2 } as const;
const CLASSES = [
  ['good', false],
  ['defective', true],
] as const;

/** Too few groups of a class to hold some of them back. */
export class TooLittleError extends Error {
  override readonly name = 'TooLittleError';
}

/**
 * @param turned some of the examples, turned: learned like the others, while nothing is judged by them
 * @param onFit after each of the folds, and after the final fit
 * @throws TooLittleError as `foldsFor` does
 */
export function teach(
  examples: readonly Example[],
  limits: CutLimits,
  turned: readonly Example[] = [],
  onFit: (done: number) => void = () => undefined,
): Lesson {
  const { folds, foldOf } = foldsFor(examples);
  const learned = [...examples, ...turned];
  const places = learnPlaces(
    learned.filter(({ isDefective }) => !isDefective),
    randomFrom(SEED),
  );
  const held = heldOut(examples, learned, places, foldOf, folds, onFit);
  const labels = examples.map((example) => example.isDefective);
  const isMarked = hasMarks(examples);
  const rows = held.map((each) => Float32Array.of(each.linear, each.strangeness, each.misfit, each.markedness));
  const trust = isMarked ? TRUST : [...TRUST.slice(0, -1), 0];
  const [, patchWeight = 0, placeWeight = 0, markWeight = 0] = mixOf(rows, labels, trust);
  const logits = held.map(
    (each) => each.linear + patchWeight * each.strangeness + placeWeight * each.misfit + markWeight * each.markedness,
  );
  const { scale, shift } = platt(logits, labels);
  const familiarity: Familiarity = {
    shares: sharesOfDistance(widthsOf(examples)),
    limit: limitOf(held.map((each) => each.distance)),
  };
  const validation = examples.map(({ file, group, isDefective }, i) => {
    const probability = sigmoid(scale * (logits[i] ?? 0) + shift);
    const unfamiliarity = unfamiliarityOf(held[i]?.distance ?? Number.NaN, familiarity);
    return { file, group, isDefective, probability, unfamiliarity };
  });
  const choice = chooseCuts(validation, limits);
  const { fit, head } = fitLinear(learned);
  const memory = remember(goodPatches(learned), randomFrom(SEED));
  const area = auroc(validation);
  const hasCuts = choice.kind === 'chosen';
  const images = ranked(validation);
  const heldGood = held.filter((_, i) => labels[i] === false);
  const warnings = warningsOf(examples, choice, area, fit.isConverged, limits);
  const marks = isMarked ? learnMarks(learned, memory, randomFrom(SEED)) : null;
  onFit(folds + 1);
  return {
    head: {
      linear: { ...head, weights: head.weights.map((weight) => weight * scale), bias: head.bias * scale + shift },
      memory,
      patchWeight: patchWeight * scale,
      places: places.memory,
      placeWeight: placeWeight * scale,
      marks,
      markWeight: markWeight * scale,
      familiarity,
      mapRange: mapRangeOf(heldGood.map(({ distances }) => distances)),
      placeRange: mapRangeOf(heldGood.map(({ misfits }) => misfits)),
    },
    calibration: { scale, shift },
    l2: penaltyFor(learned.length),
    folds,
    validation,
    cuts: choice,
    measures: hasCuts ? measure(images, new Float64Array(images.length).fill(1), choice.cuts) : null,
    intervals: hasCuts ? intervalsOf(validation, choice.cuts) : null,
    isFit: area >= UNFIT,
    warnings,
  };
}

/** What the taught graph says, computed here. */
export function scoreOf(head: TaughtHead, image: Embedded): Score {
  const { linear, memory, patchWeight, places, placeWeight, marks, markWeight, familiarity } = head;
  const marked = marks === null ? 0 : markWeight * markedness(marks, memory, image.patches);
  const strange = patchWeight * strangeness(distances(memory, image.patches));
  const misfitting = placeWeight * misfit(misfits(places, image.places));
  const logit = linearLogit(linear, image) + strange + misfitting + marked;
  const distance = distanceOf(linear, familiarity.shares, image.blocks);
  return { probability: sigmoid(logit), unfamiliarity: unfamiliarityOf(distance, familiarity) };
}

function linearLogit(head: LinearHead, { blocks }: Embedded): number {
  return inDeviations(head, blocks).reduce((sum, z, j) => sum + (head.weights[j] ?? 0) * z, head.bias);
}

/**
 * Which fold holds each image back; asked before anything is computed, it says whether there is enough to teach.
 * @throws TooLittleError with fewer than five images or two groups of a class, and where a fold would leave none of one to teach
 */
export function foldsFor(images: readonly Grouped[]): { readonly folds: number; readonly foldOf: readonly number[] } {
  let folds = FOLDS;
  for (const [name, isDefective] of CLASSES) {
    const { images: count, groups } = countOf(images, isDefective);
    if (count < LEAST.images || groups < LEAST.groups) {
      throw new TooLittleError(
        `expected at least ${LEAST.images} ${name} images of at least ${LEAST.groups} parts, got ${count} images of ${groups}: ` +
          'without some held back nothing could be said of the model, and no cut could be chosen',
      );
    }
    folds = Math.min(folds, groups);
  }
  const foldOf = groupFolds(images, folds, SEED);
  for (let fold = 0; fold < folds; fold++) {
    for (const [name, isDefective] of CLASSES) {
      if (images.some((image, i) => foldOf[i] !== fold && image.isDefective === isDefective)) continue;
      throw new TooLittleError(
        `expected the ${name} images spread over more parts: most are of one part, and nothing is left to teach while it is held back`,
      );
    }
  }
  return { folds, foldOf };
}

/** Whether these images could be taught, and measured with: enough of both classes. */
export function isEnough(images: readonly Grouped[]): boolean {
  return CLASSES.every(([, isDefective]) => {
    const found = countOf(images, isDefective);
    return found.images >= LEAST.images && found.groups >= LEAST.groups;
  });
}

/** How many images show a class, and how many parts. */
export function countOf(
  images: readonly Grouped[],
  isDefective: boolean,
): { readonly images: number; readonly groups: number } {
  const of = images.filter((image) => image.isDefective === isDefective);
  return { images: of.length, groups: new Set(of.map((image) => image.group)).size };
}

interface HeldOut {
  readonly linear: number;
  readonly strangeness: number;
  readonly misfit: number;
  /** 0 without masks. */
  readonly markedness: number;
  /** From what was taught: see `Familiarity`. */
  readonly distance: number;
  /** Of the image's patches. */
  readonly distances: Middling;
  /** Of its places. */
  readonly misfits: Middling;
}

interface Middling {
  readonly median: number;
  readonly most: number;
}

/** What each of `examples` scores with a head and a memory that know nothing of its part. */
function heldOut(
  examples: readonly Example[],
  learned: readonly Example[],
  places: GoodPlaces,
  foldOf: readonly number[],
  folds: number,
  onFold: (done: number) => void,
): HeldOut[] {
  const found: HeldOut[] = [];
  const isMarked = hasMarks(examples);
  const shares = sharesOfDistance(widthsOf(examples));
  const placed = places.heldOut(examples);
  const foldOfGroup = new Map(examples.map(({ group }, i) => [group, foldOf[i]]));
  for (let fold = 0; fold < folds; fold++) {
    const inside = learned.filter(({ group }) => foldOfGroup.get(group) !== fold);
    const { head } = fitLinear(inside);
    const memory = remember(goodPatches(inside), randomFrom(SEED));
    const marks = isMarked ? learnMarks(inside, memory, randomFrom(SEED)) : null;
    for (const [i, example] of examples.entries()) {
      if (foldOf[i] !== fold) continue;
      const strange = distances(memory, example.patches);
      const misfitting = placed[i] ?? new Float64Array();
      found[i] = {
        linear: linearLogit(head, example),
        distance: distanceOf(head, shares, example.blocks),
        strangeness: strangeness(strange),
        misfit: misfit(misfitting),
        markedness: marks === null ? 0 : markedness(marks, memory, example.patches),
        distances: middling(strange),
        misfits: middling(misfitting),
      };
    }
    onFold(fold + 1);
  }
  return found;
}

/** Of good images, and of defective ones where a mask says which patches are good. */
function goodPatches(examples: readonly Example[]): Patches[] {
  return examples
    .filter(({ isDefective, patches }) => !isDefective || patches.isMarked !== null)
    .map((example) => example.patches);
}

function middling(values: Float64Array): Middling {
  const ascending = values.toSorted();
  return { median: ascending[ascending.length >> 1] ?? 0, most: ascending.at(-1) ?? 0 };
}

/** From what is usual on a good part to what its strangest patch is. */
function mapRangeOf(good: readonly Middling[]): readonly [number, number] {
  const low = medianOf(good.map(({ median }) => median)) ?? 0;
  const high = medianOf(good.map(({ most }) => most)) ?? 0;
  // Twice as far: a good part's strangest patch is half way to 1.
  return [low, Math.max(low + 2 * (high - low), low + 1e-3)];
}

function fitLinear(examples: readonly Example[]): { readonly fit: Fit; readonly head: LinearHead } {
  const labels = examples.map((example) => example.isDefective);
  const { scale, samples, shares } = weighted(examples, blockFactors(examples));
  const options = { l2: penaltyFor(examples.length), tolerance: TOLERANCE };
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
  for (const [name, isDefective] of CLASSES) {
    const { groups } = countOf(examples, isDefective);
    if (groups < FEW)
      warnings.push(`only ${groups} different ${name} parts: expect surprises, collect at least ${FEW}`);
  }
  const masks = examples.flatMap(({ isDefective, patches }) => (isDefective ? (patches.isMarked ?? []) : []));
  const masked = examples.filter(({ isDefective, patches }) => isDefective && patches.isMarked !== null).length;
  if (masks.filter(Boolean).length > masks.length / 2) {
    warnings.push(
      'the masks mark more of the parts than they leave: bright is where the defect is; are they inverted?',
    );
  }
  if (masked > 0 && !hasMarks(examples)) {
    warnings.push(
      `masks of ${masked} images are too few to learn from: expected ${LEAST_MASKED.images} defective images of ${LEAST_MASKED.parts} parts`,
    );
  }
  if (area < UNFIT) {
    warnings.push(`held-out AUROC ${area.toFixed(2)}: this backbone does not see these defects. Do not use the model.`);
  }
  if (cuts.kind === 'none') warnings.push(`no cuts: ${cuts.why}`);
  else warnings.push(...limitWarnings(cuts, limits));
  if (!isConverged) warnings.push('the fit stopped before it converged');
  return warnings;
}
