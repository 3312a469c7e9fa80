/** How well `teach` does on parts that it was not taught: with few images, and with all there are. Pure. */

import type { CutLimits } from './cuts.ts';
import { groupFolds } from './folds.ts';
import { auroc } from './measures.ts';
import { type Random, randomFrom, shuffled } from './random.ts';
import { type Example, logitOf, teach, TooLittleError } from './teaching.ts';

const MAX_ATTEMPTS = 50;
const FIFTHS = 5;

export interface Measured {
  /** On parts that were not taught, one entry per draw. */
  readonly aurocs: readonly number[];
  readonly mean: number;
  /** Standard deviation over the draws. */
  readonly spread: number;
}

/**
 * Each fifth of the parts once, all images of the other four taught.
 * @throws TooLittleError when four fifths have too few of a class, or a fifth has none of one to measure
 */
export function acrossFifths(examples: readonly Example[], limits: CutLimits): Measured {
  const foldOf = groupFolds(examples, FIFTHS, 1);
  const aurocs = Array.from({ length: FIFTHS }, (_, fold) => {
    const tested = examples.filter((_, i) => foldOf[i] === fold);
    for (const isDefective of [false, true]) {
      if (tested.some((example) => example.isDefective === isDefective)) continue;
      throw new TooLittleError(
        `expected ${isDefective ? 'defective' : 'good'} images of at least ${FIFTHS} parts: a fifth of the parts shows none`,
      );
    }
    const taught = examples.filter((_, i) => foldOf[i] !== fold);
    return aurocOf(taught, tested, limits);
  });
  return summary(aurocs);
}

/**
 * Drawn again and again: taught on one half of the parts, measured on the other.
 * @param perClass images of each class that are taught
 * @throws TooLittleError when a draw has too few of a class
 */
export function fewShot(examples: readonly Example[], perClass: number, draws: number, limits: CutLimits): Measured {
  const groups = [...new Set(examples.map((example) => example.group))];
  const aurocs: number[] = [];
  for (let seed = 1; seed <= draws; seed++) {
    const random = randomFrom(seed);
    const taughtGroups = drawHalf(examples, groups, random);
    const inside = shuffled(
      examples.filter((example) => taughtGroups.has(example.group)),
      random,
    );
    const taught = [true, false].flatMap((isDefective) =>
      inside.filter((example) => example.isDefective === isDefective).slice(0, perClass),
    );
    const tested = examples.filter((example) => !taughtGroups.has(example.group));
    aurocs.push(aurocOf(taught, tested, limits));
  }
  return summary(aurocs);
}

function aurocOf(taught: readonly Example[], tested: readonly Example[], limits: CutLimits): number {
  const { head } = teach(taught, limits);
  return auroc(tested.map((example) => ({ ...example, probability: logitOf(head, example) })));
}

function summary(aurocs: readonly number[]): Measured {
  const mean = aurocs.reduce((sum, each) => sum + each, 0) / aurocs.length;
  const spread = Math.sqrt(aurocs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / aurocs.length);
  return { aurocs, mean, spread };
}

/** Half of the parts, drawn again while a half has too little of a class to teach or to measure. */
function drawHalf(examples: readonly Example[], groups: readonly string[], random: Random): ReadonlySet<string> {
  let half = new Set<string>();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    half = new Set(shuffled(groups, random).slice(0, Math.ceil(groups.length / 2)));
    const isEnough = [true, false].every((isTaught) =>
      [true, false].every((isDefective) => {
        const of = examples.filter((each) => half.has(each.group) === isTaught && each.isDefective === isDefective);
        return of.length >= 5 && new Set(of.map((each) => each.group)).size >= 2;
      }),
    );
    if (isEnough) return half;
  }
  return half;
}
