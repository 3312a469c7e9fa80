/** How well `teach` does on parts that it was not taught: with few images, and with all there are. Pure. */

import type { CutLimits } from './cuts.ts';
import { type Grouped, groupFolds } from './folds.ts';
import { auroc } from './measures.ts';
import { type Random, randomFrom, shuffled } from './random.ts';
import { type Example, countOf, foldsFor, isEnough, scoreOf, teach, TooLittleError } from './teaching.ts';

const MAX_ATTEMPTS = 50;
const FIFTHS = 5;

export interface Measured {
  /** On parts that were not taught, one entry per draw. */
  readonly aurocs: readonly number[];
  readonly mean: number;
  /** Standard deviation over the draws. */
  readonly spread: number;
  /** Images taught, of the draw that had the fewest. */
  readonly taught: { readonly good: number; readonly defective: number };
}

/** Images that are taught, and those of other parts that this is measured on. */
interface Draw<T> {
  readonly taught: readonly T[];
  readonly tested: readonly T[];
  /** Some of those that are taught, turned. */
  readonly turned?: readonly T[];
}

/**
 * Each fifth of the parts once, all images of the other four taught.
 * @throws TooLittleError when four fifths have too few of a class, or a fifth has none of one to measure
 */
export function fifthsOf<T extends Grouped>(images: readonly T[]): Draw<T>[] {
  const foldOf = groupFolds(images, FIFTHS, 1);
  return Array.from({ length: FIFTHS }, (_, fold) => {
    const tested = images.filter((_, i) => foldOf[i] === fold);
    for (const isDefective of [false, true]) {
      if (tested.some((image) => image.isDefective === isDefective)) continue;
      throw new TooLittleError(
        `expected ${isDefective ? 'defective' : 'good'} images of at least ${FIFTHS} parts: a fifth of the parts shows none`,
      );
    }
    const taught = images.filter((_, i) => foldOf[i] !== fold);
    foldsFor(taught);
    return { taught, tested };
  });
}

/**
 * Drawn again and again: taught on one half of the parts, measured on the other.
 * @param perClass images of each class that are taught, as far as the half has them
 * @throws TooLittleError when the parts cannot be halved so that both halves have enough of both classes
 */
export function halvesOf<T extends Grouped>(images: readonly T[], perClass: number, draws: number): Draw<T>[] {
  const groups = [...new Set(images.map((image) => image.group))];
  return Array.from({ length: draws }, (_, i) => {
    const random = randomFrom(i + 1);
    const taughtGroups = drawHalf(images, groups, random);
    const inside = shuffled(
      images.filter((image) => taughtGroups.has(image.group)),
      random,
    );
    const taught = [true, false].flatMap((isDefective) =>
      inside.filter((image) => image.isDefective === isDefective).slice(0, perClass),
    );
    foldsFor(taught);
    return { taught, tested: images.filter((image) => !taughtGroups.has(image.group)) };
  });
}

/** Half of the parts, drawn again while a half has too little of a class to teach or to measure. */
function drawHalf(images: readonly Grouped[], groups: readonly string[], random: Random): ReadonlySet<string> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const half = new Set(shuffled(groups, random).slice(0, Math.ceil(groups.length / 2)));
    const others = images.filter((image) => !half.has(image.group));
    if (isEnough(others) && isEnough(images.filter((image) => half.has(image.group)))) return half;
  }
  const found = [false, true].map((isDefective) => countOf(images, isDefective));
  const [good, defective] = found.map(({ images: count, groups: parts }) => `${count} of ${parts}`);
  throw new TooLittleError(
    'expected enough to teach on one half of the parts and to measure on the other, at least 5 good and 5 defective images of 2 ' +
      `parts in each; ${MAX_ATTEMPTS} ways to halve the parts gave none, with ${good} parts good, ${defective} defective`,
  );
}

/** @param onDraw after each */
export function measureDraws(
  draws: readonly Draw<Example>[],
  limits: CutLimits,
  onDraw: (done: number) => void = () => undefined,
): Measured {
  const aurocs = draws.map(({ taught, tested, turned }, i) => {
    const { head } = teach(taught, limits, turned);
    const area = auroc(tested.map((example) => ({ ...example, ...scoreOf(head, example) })));
    onDraw(i + 1);
    return area;
  });
  const mean = aurocs.reduce((sum, each) => sum + each, 0) / aurocs.length;
  const spread = Math.sqrt(aurocs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / aurocs.length);
  const fewest = (isDefective: boolean) =>
    Math.min(...draws.map(({ taught }) => taught.filter((each) => each.isDefective === isDefective).length));
  return { aurocs, mean, spread, taught: { good: fewest(false), defective: fewest(true) } };
}
