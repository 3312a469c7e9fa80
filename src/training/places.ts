/**
 * What good parts look like at each place of the picture, and how far a picture is from all of them there: a character that is missing
 * leaves a patch that is good anywhere but here. For parts that always lie the same way, give or take a little. Pure.
 */

import { meanOfWorst } from './patch-memory.ts';
import { type Random, shuffled } from './random.ts';

/** Of one picture: the leading `PLACE_WIDTH` components of each square, row after row of squares. */
export interface Places {
  readonly rows: number;
  readonly columns: number;
  /** [rows * columns, PLACE_WIDTH] */
  readonly values: Float32Array;
}

export interface PlacedImage {
  readonly group: string;
  readonly places: Places;
}

export interface PlaceMemory {
  /** Of good parts, all of one size, at least one. */
  readonly kept: readonly Places[];
  /** [rows * columns]: what a distance at each place is divided by, above zero. */
  readonly spread: Float64Array;
}

/** Of the components of a square: more cost time and tell no more. */
export const PLACE_WIDTH = 16;
/** Good pictures kept, as many of each part as can be: eight, fifteen, thirty of them tell better each time. */
const KEPT = 48;
/** Squares by which a part may lie otherwise. */
export const REACH = 2;
/** Share of the squares whose misfit counts. */
const WORST = 0.005;
/** Where good parts are the same to the last pixel, noise is no defect. */
const LEAST_SPREAD = 0.05;

export interface GoodPlaces {
  /** Of all of them. */
  readonly memory: PlaceMemory;
  /**
   * The misfits of each image by a memory that knows nothing of its part, and all of the others: fewer would find every image farther
   * off than the memory does that is served. Of two good parts at least.
   */
  heldOut(images: readonly PlacedImage[]): Float64Array[];
}

/** @param good pictures of good parts, at least one */
export function learnPlaces(good: readonly PlacedImage[], random: Random): GoodPlaces {
  const kept = ofManyParts(shuffled(good, random)).slice(0, KEPT);
  const own = ownDistances(kept);
  const memoryOf = (images: readonly PlacedImage[]) => {
    return { kept: images.map(({ places }) => places), spread: spreadOf(images, own) };
  };
  const memory = memoryOf(kept);
  return {
    memory,
    heldOut: (images) =>
      images.map(({ group, places }) => {
        const others = kept.filter((other) => other.group !== group);
        return misfits(others.length === kept.length ? memory : memoryOf(others), places);
      }),
  };
}

/** Of each picture the distances to those of other parts; none where there is no other part. */
function ownDistances(kept: readonly PlacedImage[]): ReadonlyMap<PlacedImage, Float64Array> {
  const found = new Map<PlacedImage, Float64Array>();
  for (const image of kept) {
    const others = kept.filter((other) => other.group !== image.group).map((other) => other.places);
    if (others.length > 0) found.set(image, nearest(others, image.places));
  }
  return found;
}

/** Of few pictures a place's own deviation says little: half of what counts is what all places have. */
function spreadOf(kept: readonly PlacedImage[], own: ReadonlyMap<PlacedImage, Float64Array>): Float64Array {
  const found = kept.flatMap((image) => own.get(image) ?? []);
  const squares = (kept[0]?.places.values.length ?? 0) / PLACE_WIDTH;
  const each = Float64Array.from({ length: squares }, (_, at) => deviationOf(found.map((of) => of[at] ?? 0)));
  const usual = each.reduce((sum, deviation) => sum + deviation, 0) / squares;
  return each.map((deviation) => Math.max(LEAST_SPREAD, deviation + usual));
}

/** @returns of each place the distance to the nearest good part there, in what is usual for the place */
export function misfits({ kept, spread }: PlaceMemory, places: Places): Float64Array {
  return nearest(kept, places).map((distance, at) => distance / (spread[at] ?? 1));
}

/** Mean of the largest. */
export function misfit(found: Float64Array): number {
  return meanOfWorst(found, worstPlaces(found.length));
}

/** How many of a picture's places count as its worst. */
export function worstPlaces(squares: number): number {
  return Math.max(1, Math.floor(squares * WORST));
}

/** The first pictures of all parts before the second of any. */
function ofManyParts(images: readonly PlacedImage[]): PlacedImage[] {
  const seen = new Map<string, number>();
  return images
    .map((image) => {
      const before = seen.get(image.group) ?? 0;
      seen.set(image.group, before + 1);
      return { image, before };
    })
    .sort((a, b) => a.before - b.before)
    .map(({ image }) => image);
}

/** Of each place, the Euclidean distance to the nearest of what others show there or within `REACH` of it. */
function nearest(others: readonly Places[], { rows, columns, values }: Places): Float64Array {
  const found = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = [Math.max(0, row - REACH), Math.min(rows - 1, row + REACH)];
    for (let column = 0; column < columns; column++) {
      const [left, right] = [Math.max(0, column - REACH), Math.min(columns - 1, column + REACH)];
      const at = (row * columns + column) * PLACE_WIDTH;
      let least = Number.POSITIVE_INFINITY;
      for (const other of others) {
        for (let y = top; y <= bottom; y++) {
          const last = (y * columns + right) * PLACE_WIDTH;
          for (let from = (y * columns + left) * PLACE_WIDTH; from <= last; from += PLACE_WIDTH) {
            let sum = 0;
            // Most squares are far off after a few of their values.
            for (let j = 0; j < PLACE_WIDTH && sum < least; j += 4) {
              for (let k = j; k < j + 4; k++) {
                const difference = (values[at + k] ?? 0) - (other.values[from + k] ?? 0);
                sum += difference * difference;
              }
            }
            if (sum < least) least = sum;
          }
        }
      }
      found[row * columns + column] = Math.sqrt(least);
    }
  }
  return found;
}

function deviationOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
  return Math.sqrt(values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / values.length);
}
