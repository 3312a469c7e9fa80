/** Features to mean 0 and deviation 1, by the training images alone. Pure. */

import type { Samples } from './logistic.ts';

/** Beyond this many deviations a feature says no more: see LinearHead. */
export const CLIP = 4;

export interface Scale {
  /** [width] */
  readonly means: Float64Array;
  /** [width], above zero. */
  readonly deviations: Float64Array;
}

/** @param rows all of one width */
export function scaleOf(rows: readonly Float32Array[]): Scale {
  const width = rows[0]?.length ?? 0;
  const means = new Float64Array(width);
  const deviations = new Float64Array(width);
  for (const row of rows) for (let j = 0; j < width; j++) means[j] = (means[j] ?? 0) + (row[j] ?? 0) / rows.length;
  for (const row of rows) {
    for (let j = 0; j < width; j++) {
      deviations[j] = (deviations[j] ?? 0) + ((row[j] ?? 0) - (means[j] ?? 0)) ** 2 / rows.length;
    }
  }
  // A feature that never changes carries nothing: divided by 1 it stays 0.
  return { means, deviations: deviations.map((variance) => (variance > 1e-10 ? Math.sqrt(variance) : 1)) };
}

/**
 * 1 / root of the width of its block for each feature: blocks count the same however many features they have, and a penalty means
 * the same whatever the width.
 * @param blocks widths of the blocks that a row is made of
 */
export function sharesOf(blocks: readonly number[]): Float64Array {
  return Float64Array.from(blocks.flatMap((width) => Array.from({ length: width }, () => 1 / Math.sqrt(width))));
}

/** @returns samples as rows: standardised, clipped and weighted */
export function standardised(
  rows: readonly Float32Array[],
  { means, deviations }: Scale,
  shares: Float64Array,
): Samples {
  const width = means.length;
  const values = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < width; j++) {
      const z = ((row[j] ?? 0) - (means[j] ?? 0)) / (deviations[j] ?? 1);
      values[i * width + j] = clipped(z, CLIP) * (shares[j] ?? 0);
    }
  }
  return { values, count: rows.length, width };
}

/** The features of one image, block after block, in deviations and clipped. */
export function inDeviations(
  { means, deviations, clip }: Scale & { readonly clip: number },
  blocks: readonly Float32Array[],
): Float64Array {
  const values = new Float64Array(means.length);
  let j = 0;
  for (const block of blocks) {
    for (const value of block) {
      values[j] = clipped((value - (means[j] ?? 0)) / (deviations[j] ?? 1), clip);
      j++;
    }
  }
  return values;
}

export function clipped(z: number, most: number): number {
  return Math.max(-most, Math.min(most, z));
}
