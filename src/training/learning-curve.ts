/** Would more images help? What models of fewer parts are worth on the same images says so. Pure. */

import type { CutLimits } from './cuts.ts';
import { measureDraws } from './few-shot.ts';
import { type Grouped, groupFolds } from './folds.ts';
import { auroc } from './measures.ts';
import { type Example, foldsFor, type Lesson, TooLittleError } from './teaching.ts';

/** A model of `images` images of so many parts, measured on parts that it was not taught. */
export interface CurvePoint {
  readonly parts: number;
  readonly images: number;
  readonly auroc: number;
}

/** How often `learningCurve` teaches: a quarter and a half of the parts, on both sides. */
export const CURVE_LESSONS = 4;

const SEED = 1;
/** Of what AUROC lacks to 1, what more images must have taken away to be worth their while. */
const WORTH = 0.1;

/**
 * The parts are halved; what one half, and half of it, teach is measured on the other half and the other way round. So every point is
 * measured on the same images, the last of them with the held-out scores of the whole lesson.
 * @param turned some of the examples, turned
 * @returns fewest parts first; empty where a half has too little to be taught, without the first where a quarter has
 */
export function learningCurve(
  examples: readonly Example[],
  turned: readonly Example[],
  limits: CutLimits,
  { folds, validation }: Pick<Lesson, 'folds' | 'validation'>,
  onTaught: (done: number) => void = () => undefined,
): CurvePoint[] {
  const sides = halved(examples);
  let done = 0;
  const points = [sides.map((side) => halved(side)[0]), sides].flatMap((halves): CurvePoint[] => {
    if (!halves.every(isTeachable)) return [];
    const draws = halves.map((taught, side) => ({
      taught,
      tested: sides[1 - side] ?? [],
      turned: among(turned, taught),
    }));
    const { mean } = measureDraws(draws, limits, () => onTaught((done += 1)));
    return [pointOf(meanOf(halves.map(partsIn)), meanOf(halves.map(({ length }) => length)), mean)];
  });
  if (points.length === 0) return [];
  const heldOut = meanOf(sides.map((side) => auroc(among(validation, side))));
  const share = (folds - 1) / folds;
  return [...points, pointOf(share * partsIn(examples), share * examples.length, heldOut)];
}

/** What the last step of a curve says of more images; null without a step. */
export function moreImagesSentence(points: readonly CurvePoint[]): string | null {
  const [before, last] = points.slice(-2);
  if (before === undefined || last === undefined) return null;
  const gain = before.auroc === 1 ? 0 : Math.max(0, 1 - (1 - last.auroc) / (1 - before.auroc));
  const verdict = gain > WORTH && last.auroc < 1 ? 'more would help' : 'more of the same would help little';
  return `From ${before.parts} to ${last.parts} parts, ${(100 * gain).toFixed(1)} % of what AUROC lacks to 1 went away: ${verdict}`;
}

/** Two halves of the parts, both classes in each as far as there are parts. */
function halved<T extends Grouped>(images: readonly T[]): [T[], T[]] {
  const sideOf = groupFolds(images, 2, SEED);
  return [images.filter((_, i) => sideOf[i] === 0), images.filter((_, i) => sideOf[i] === 1)];
}

function isTeachable(images: readonly Grouped[]): boolean {
  try {
    foldsFor(images);
    return true;
  } catch (error) {
    if (error instanceof TooLittleError) return false;
    throw error;
  }
}

const partsIn = (images: readonly Grouped[]) => new Set(images.map(({ group }) => group)).size;
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Those that show what one of `images` shows, as it is or turned. */
function among<T extends { readonly file: string }>(some: readonly T[], images: readonly Example[]): T[] {
  const files = new Set(images.map(({ file }) => file));
  return some.filter(({ file }) => files.has(file));
}

function pointOf(parts: number, images: number, area: number): CurvePoint {
  return { parts: Math.round(parts), images: Math.round(images), auroc: area };
}
