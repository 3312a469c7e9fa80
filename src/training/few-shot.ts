/** How well `teach` does with few images: drawn again and again, taught on one half of the parts, measured on the other. Pure. */

import type { CutLimits } from './cuts.ts';
import { auroc } from './measures.ts';
import { type Random, randomFrom, shuffled } from './random.ts';
import { type Example, logitOf, teach } from './teaching.ts';

const MAX_ATTEMPTS = 50;

export interface FewShot {
  /** On parts that were not taught, one entry per draw. */
  readonly aurocs: readonly number[];
  readonly mean: number;
  /** Standard deviation over the draws. */
  readonly spread: number;
}

/**
 * @param perClass images of each class that are taught
 * @throws TooLittleError when a draw has too few of a class
 */
export function fewShot(examples: readonly Example[], perClass: number, draws: number, limits: CutLimits): FewShot {
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
    const { head } = teach(taught, limits);
    aurocs.push(auroc(tested.map((example) => ({ ...example, probability: logitOf(head, example) }))));
  }
  const mean = aurocs.reduce((sum, each) => sum + each, 0) / draws;
  const spread = Math.sqrt(aurocs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / draws);
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
