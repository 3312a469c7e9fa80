/** Would more images help? What models of fewer parts are worth on the same images says so. Pure. */

import type { CutLimits } from './cuts.ts';
import { type Grouped, groupFolds } from './folds.ts';
import { auroc, type ScoredImage } from './measures.ts';
import { type Example, foldsFor, type Lesson, scoreOf, teach, TooLittleError } from './teaching.ts';

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
  const areaOf = (taught: readonly Example[], tested: readonly Example[]) => {
    const files = new Set(taught.map(({ file }) => file));
    const { head } = teach(
      taught,
      limits,
      turned.filter(({ file }) => files.has(file)),
    );
    onTaught((done += 1));
    return auroc(tested.map((example) => ({ ...example, ...scoreOf(head, example) })));
  };
  const points = [sides.map((side) => halved(side)[0]), sides].flatMap((taught): CurvePoint[] => {
    if (!taught.every(isTeachable)) return [];
    const areas = taught.map((some, side) => areaOf(some, sides[1 - side] ?? []));
    return [pointOf(taught.map(partsIn), taught.map(countIn), areas)];
  });
  if (points.length === 0) return [];
  const heldOut = sides.map((side) => {
    const files = new Set(side.map(({ file }) => file));
    return auroc(validation.filter(({ file }) => files.has(file)) satisfies readonly ScoredImage[]);
  });
  const share = (folds - 1) / folds;
  return [...points, pointOf([share * partsIn(examples)], [share * examples.length], heldOut)];
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
const countIn = (images: readonly Grouped[]) => images.length;
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function pointOf(parts: readonly number[], images: readonly number[], areas: readonly number[]): CurvePoint {
  return { parts: Math.round(meanOf(parts)), images: Math.round(meanOf(images)), auroc: meanOf(areas) };
}
