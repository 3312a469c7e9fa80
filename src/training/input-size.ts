/** How large images are shown where nobody says: from what they measure themselves. */

import type { Dimensions } from '../frame/image-header/header-reader.ts';
import { medianOf } from '../statistics/median.ts';

/** Pixels of the longer edge at most: what training on a CPU bears, and a defect a hundredth of the part still has three of. */
const LONGEST = 320;
/** Networks halve an image up to five times; a multiple of 8 leaves no ragged edge in the first three. */
const STEP = 8;
/** What the backbone of `loupe teach` takes: edges from 64 pixels in steps of 16. */
const LEAST_TAUGHT = 64;
const TAUGHT_STEP = 16;
/** Its longer edges, by the size of the images. */
const TAUGHT_EDGES = [64, 128, 192, 256] as const;

/**
 * Of what is packed for training: the middle one of all widths and heights, its longer edge at most 320, both in steps of 8. Never larger
 * than the images. Without any image it is the least that can be packed.
 */
export function inputSizeOf(sizes: readonly Dimensions[]): Dimensions {
  const width = medianOf(sizes.map((size) => size.width)) ?? STEP;
  const height = medianOf(sizes.map((size) => size.height)) ?? STEP;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  return { width: stepped(width * scale, STEP), height: stepped(height * scale, STEP) };
}

/**
 * Of what `loupe teach` looks at: the least longer edge that loses no detail of a typical image, at most 256 (64, 128, 192 or 256), and
 * the other edge as such an image has it, so that nothing is squeezed.
 * @param edge the longer one, where it is said
 */
export function taughtSizeOf(sizes: readonly Dimensions[], edge?: number): Dimensions {
  const typical = medianOf(sizes.map(({ width, height }) => Math.max(width, height))) ?? 0;
  const long = edge ?? TAUGHT_EDGES.find((each) => each >= typical) ?? 256;
  const ratio = medianOf(sizes.map(({ width, height }) => width / height)) ?? 1;
  const short = Math.min(long, stepped(long * Math.min(ratio, 1 / ratio), TAUGHT_STEP, LEAST_TAUGHT));
  return ratio >= 1 ? { width: long, height: short } : { width: short, height: long };
}

function stepped(pixels: number, step: number, least = step): number {
  return Math.max(least, Math.round(pixels / step) * step);
}
