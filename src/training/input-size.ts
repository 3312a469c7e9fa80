/** How large images are packed where nobody says: from what they measure themselves. */

import type { Dimensions } from '../frame/image-header/header-reader.ts';

/** Pixels of the longer edge at most: what training on a CPU bears, and a defect a hundredth of the part still has three of. */
const LONGEST = 320;
/** Networks halve an image up to five times; a multiple of 8 leaves no ragged edge in the first three. */
const STEP = 8;

/**
 * The middle one of all widths and heights, its longer edge at most 320, both in steps of 8. Never larger than the images.
 * Without any image it is the least that can be packed.
 */
export function inputSizeOf(sizes: readonly Dimensions[]): Dimensions {
  const [width, height] = [middle(sizes.map((size) => size.width)), middle(sizes.map((size) => size.height))];
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  return { width: stepped(width * scale), height: stepped(height * scale) };
}

function middle(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.floor(ascending.length / 2)] ?? STEP;
}

function stepped(pixels: number): number {
  return Math.max(STEP, Math.round(pixels / STEP) * STEP);
}
