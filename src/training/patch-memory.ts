/**
 * What the patches of good parts look like, and how far a patch is from all of them (after PatchCore, Roth 2022, with a random
 * sample for a memory). Pure.
 */

import type { Random } from './random.ts';
import { clipped, type Scale, scaleOf } from './standardise.ts';

/** One row per square of the image, row after row of squares; `values` is [count, width]. */
export interface Patches {
  readonly values: Float32Array;
  readonly width: number;
  /** Which of them a mask says hold the defect; null where there is no mask. */
  readonly isMarked: readonly boolean[] | null;
}

export interface PatchMemory {
  /** Of the good patches, [width]. */
  readonly scale: Scale;
  /** Standardised and clipped good patches, [count, width]. */
  readonly values: Float32Array;
  readonly width: number;
}

/** Rows kept: more cost time with every frame and change little. */
const ROWS = 1500;
/** Beyond this many deviations a value says no more. */
export const PATCH_CLIP = 5;
/** Share of an image's patches whose distance counts: a defect is small. */
const WORST = 0.02;

/** @param good patches of good parts, at least one image of them; and of masked defective ones, whose unmarked patches are good too */
export function remember(good: readonly Patches[], random: Random): PatchMemory {
  const width = good[0]?.width ?? 0;
  const rows = good.flatMap(({ values, isMarked }) =>
    Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width)).filter(
      (_, i) => isMarked?.[i] !== true,
    ),
  );
  const scale = scaleOf(rows);
  // The first of a random order (Fisher-Yates, as far as it is needed).
  const count = Math.min(ROWS, rows.length);
  const values = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const k = i + Math.floor(random() * (rows.length - i));
    const chosen = rows[k];
    if (chosen === undefined) continue;
    rows[k] = rows[i] ?? chosen;
    values.set(standard(chosen, scale), i * width);
  }
  return { scale, values, width };
}

/** How many of an image's patches count as its worst. */
export function worstOf(patches: number): number {
  return Math.max(1, Math.floor(patches * WORST));
}

/** @returns Euclidean distance of each patch to the nearest that is remembered, in deviations */
export function distances({ scale, values, width }: PatchMemory, patches: Patches): Float64Array {
  const count = patches.values.length / width;
  const found = new Float64Array(count);
  for (let p = 0; p < count; p++) {
    const patch = standard(patches.values.subarray(p * width, (p + 1) * width), scale);
    let least = Number.POSITIVE_INFINITY;
    for (let from = 0; from < values.length; from += width) {
      let sum = 0;
      // Most rows are far off after a few of their values.
      for (let j = 0; j < width && sum < least; j += 8) {
        for (let k = j; k < j + 8 && k < width; k++) {
          const difference = (patch[k] ?? 0) - (values[from + k] ?? 0);
          sum += difference * difference;
        }
      }
      if (sum < least) least = sum;
    }
    found[p] = Math.sqrt(least);
  }
  return found;
}

/** Mean of the largest distances. */
export function strangeness(found: Float64Array): number {
  return meanOfWorst(found, worstOf(found.length));
}

/** Mean of the `count` largest. */
export function meanOfWorst(found: Float64Array, count: number): number {
  const worst = found.toSorted().subarray(found.length - count);
  return worst.reduce((sum, each) => sum + each, 0) / worst.length;
}

/** A patch in deviations of the good ones, clipped. */
export function standard(row: Float32Array, { means, deviations }: Scale): Float32Array {
  return row.map((value, j) => clipped((value - (means[j] ?? 0)) / (deviations[j] ?? 1), PATCH_CLIP));
}
