/**
 * What masks teach: logistic regression of single patches, those that a mask marks against those of good parts. Pure.
 */

import { balancedWeights, fitLogistic } from './logistic.ts';
import { meanOfWorst, type Patches, type PatchMemory, standard, worstOf } from './patch-memory.ts';
import { type Random, shuffled } from './random.ts';

export interface PatchClassifier {
  /** Of a patch standardised and clipped as the memory's are, [width]. */
  readonly weights: Float64Array;
  readonly bias: number;
}

export interface PatchesOfImage {
  readonly group: string;
  readonly isDefective: boolean;
  readonly patches: Patches;
}

/** Masked images, and parts they show, from which on masks teach: one kind of defect on one part is no rule. */
export const LEAST_MASKED = { images: 8, parts: 4 } as const;
/** Good patches kept of each image, and marked ones: a large defect counts no more than a handful of small ones. */
const GOOD_EACH = 64;
const MARKED_EACH = 24;
const L2 = 3e-3;

/** Whether the masks of these images are enough to learn from. */
export function hasMarks(images: readonly PatchesOfImage[]): boolean {
  const masked = images.filter(({ isDefective, patches }) => isDefective && patches.isMarked !== null);
  return masked.length >= LEAST_MASKED.images && new Set(masked.map(({ group }) => group)).size >= LEAST_MASKED.parts;
}

/**
 * @param images defective ones with masks and good ones; defective ones without a mask say nothing
 * @returns null where nothing is marked
 */
export function learnMarks(
  images: readonly PatchesOfImage[],
  memory: PatchMemory,
  random: Random,
): PatchClassifier | null {
  const rows: Float32Array[] = [];
  const labels: boolean[] = [];
  for (const { isDefective, patches } of images) {
    const { values, width, isMarked } = patches;
    if (isDefective && isMarked === null) continue;
    const every = Array.from({ length: values.length / width }, (_, i) => i);
    const marked = every.filter((i) => isDefective && isMarked?.[i] === true);
    const good = every.filter((i) => !isDefective || isMarked?.[i] === false);
    const chosen = [shuffled(marked, random).slice(0, MARKED_EACH), shuffled(good, random).slice(0, GOOD_EACH)];
    for (const [k, indices] of chosen.entries()) {
      for (const i of indices) {
        rows.push(standard(values.subarray(i * width, (i + 1) * width), memory.scale));
        labels.push(k === 0);
      }
    }
  }
  if (!labels.includes(true)) return null;
  const { width } = memory;
  const samples = { values: new Float64Array(rows.length * width), count: rows.length, width };
  for (const [i, row] of rows.entries()) samples.values.set(row, i * width);
  const { weights, bias } = fitLogistic(samples, labels, balancedWeights(labels), { l2: L2, tolerance: 1e-4 });
  return { weights, bias };
}

/** How much an image's most marked patches look like those that masks mark: mean of the largest logits. */
export function markedness({ weights, bias }: PatchClassifier, { scale }: PatchMemory, patches: Patches): number {
  const { values, width } = patches;
  const logits = Float64Array.from({ length: values.length / width }, (_, i) =>
    standard(values.subarray(i * width, (i + 1) * width), scale).reduce(
      (sum, value, j) => sum + value * (weights[j] ?? 0),
      bias,
    ),
  );
  return meanOfWorst(logits, worstOf(logits.length));
}
