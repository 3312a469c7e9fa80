/**
 * Whether a picture is of the kind that was taught. A covered lens, a black frame, another product have features that nobody taught,
 * and a regression on those says anything at all, PASS included: without this a model of castings passed every solar module. Pure.
 */

import { UNFAMILIAR } from '../frame/score.ts';
import type { LinearHead } from './taught-graph.ts';
import { inDeviations } from './standardise.ts';

export interface Familiarity {
  /**
   * [width]: what the square of each standardised feature counts. Their sum is the picture's distance: 1 on average over the images that
   * were taught, clip² at most.
   */
  readonly shares: Float64Array;
  /** From this distance on a picture is of another kind than what was taught. */
  readonly limit: number;
}

/** Of the held-out images, how many may be farther than the limit is based on: one that is mislabelled must not set it. */
const OUTLIERS = 0.01;
/** Beyond what held-out parts of the same kind have. */
const MARGIN = 1.2;
/** However much alike the images are that were taught. */
const LEAST_LIMIT = 2;
/** Share of the limit, around it, in which one becomes the other: a step would tell two runtimes apart. */
export const RAMP = 0.1;

/**
 * Blocks count the same, however wide they are. The first follows the lamp (`levels`) and is left out where there are others: a lamp
 * that fades must not make a stranger of every part, and a lens that is covered shows in the others as well.
 * @param widths of the blocks of the embedding, in the backbone's order
 */
export function sharesOfDistance(widths: readonly number[]): Float64Array {
  const counted = widths.length > 1 ? widths.length - 1 : 1;
  return Float64Array.from(
    widths.flatMap((width, block) => {
      const share = block === 0 && widths.length > 1 ? 0 : 1 / (counted * width);
      return Array.from({ length: width }, () => share);
    }),
  );
}

export function distanceOf(
  scale: Pick<LinearHead, 'means' | 'deviations' | 'clip'>,
  shares: Float64Array,
  blocks: readonly Float32Array[],
): number {
  return inDeviations(scale, blocks).reduce((sum, z, j) => sum + (shares[j] ?? 0) * z * z, 0);
}

/** @param heldOut distances of images of which nothing of the same part was taught, at least one */
export function limitOf(heldOut: readonly number[]): number {
  const ascending = heldOut.toSorted((a, b) => a - b);
  const at = Math.ceil((1 - OUTLIERS) * ascending.length) - 1;
  return Math.max(LEAST_LIMIT, MARGIN * (ascending[at] ?? 0));
}

/** From 0, as near as what was taught, to 1; UNFAMILIAR at the limit. */
export function unfamiliarityOf(distance: number, { limit }: Familiarity): number {
  return Math.min(1, Math.max(0, (distance - rampStart(limit)) / (RAMP * limit)));
}

/** The distance up to which nothing is unfamiliar. */
export function rampStart(limit: number): number {
  return (1 - UNFAMILIAR * RAMP) * limit;
}
