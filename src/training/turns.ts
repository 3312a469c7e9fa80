/**
 * Parts that may lie any way: what they show is learned turned as well, since 30 screws do not lie in all the ways a screw can. Whether
 * parts lie so is asked of the good ones: where it is usual for them to be turned, one that is turned is no farther from the others, as a
 * whole and at each place. A label that is upside down is far off at nearly every place, and stays a defect. Pure.
 */

import { medianOf } from '../statistics/median.ts';
import { rowOf, widthsOf } from './blocks.ts';
import { distanceOf, sharesOfDistance } from './familiarity.ts';
import type { Grouped } from './folds.ts';
import type { PixelShape } from './packing.ts';
import { learnPlaces, misfit, misfits } from './places.ts';
import { randomFrom, shuffled } from './random.ts';
import { CLIP, scaleOf } from './standardise.ts';
import type { Example } from './teaching.ts';

/** Quarters of a turn, clockwise. */
export type Turn = 1 | 2 | 3;

/** Images that are learned in all, those that are turned included: 300 are to be taught within a minute. */
const MOST_LEARNED = 320;
/** More images show by themselves how parts lie, and there is no time to ask. */
const MOST_ASKED = 200;
/** Good images of a half that are asked, and that the other half is compared with. */
const HALF = 24;
/** Of each half; fewer say nothing. */
const LEAST = 5;
/** How much farther turned ones may be in the median: that of so few differs by up to a third where they lie any way. */
const USUAL = 1.4;
const SEED = 1;

/** @param images that are taught */
export function isWorthTurning(images: readonly unknown[]): boolean {
  return images.length <= MOST_ASKED;
}

/** Good images in two halves of different parts, each to be compared with the other; `null` where there are too few to tell. */
export function halvesOfGood<T extends Grouped>(images: readonly T[]): readonly [T[], T[]] | null {
  const good = shuffled(
    images.filter(({ isDefective }) => !isDefective),
    randomFrom(SEED),
  );
  const parts = [...new Set(good.map(({ group }) => group))];
  const half = (side: 0 | 1) => good.filter(({ group }) => parts.indexOf(group) % 2 === side).slice(0, HALF);
  const halves = [half(0), half(1)] as const;
  return halves.every(({ length }) => length >= LEAST) ? halves : null;
}

/**
 * @param turned the images of both halves by each turn that their shape allows
 * @returns half a turn, or every turn, where good parts lie so; the empty list where they lie one way
 */
export function usualTurns(
  [one, other]: readonly [readonly Example[], readonly Example[]],
  turned: ReadonlyMap<Turn, readonly Example[]>,
): readonly Turn[] {
  const [fromOther, fromOne] = [farnessFrom(other), farnessFrom(one)];
  const inOne = new Set(one.map(({ file }) => file));
  const farness = (image: Example) => (inOne.has(image.file) ? fromOther : fromOne)(image);
  const asTheyLie = new Map([...one, ...other].map((each) => [each.file, farness(each)]));
  const isUsual = (images: readonly Example[]) => {
    // Each against itself as it lies: good parts differ more among each other than by being turned.
    const ratios = images.map((each) =>
      farness(each).map((far, k) => far / (asTheyLie.get(each.file)?.[k] ?? Number.NaN)),
    );
    return [0, 1].every((k) => (medianOf(ratios.map((ratio) => ratio[k] ?? Number.NaN)) ?? Number.NaN) <= USUAL);
  };
  const by = (turn: Turn) => turned.get(turn) ?? [];
  if (!isUsual(by(2))) return [];
  return isUsual([...by(1), ...by(3)]) ? [2, 1, 3] : [2];
}

/** How far an image is from all of `good`, as a whole, and where it is farthest at its places. */
function farnessFrom(good: readonly Example[]): (image: Example) => readonly [number, number] {
  const scale = { ...scaleOf(good.map(rowOf)), clip: CLIP };
  const shares = sharesOfDistance(widthsOf(good));
  const { memory } = learnPlaces(good, randomFrom(SEED));
  return ({ blocks, places }) => [distanceOf(scale, shares, blocks), misfit(misfits(memory, places))];
}

/** Which images are learned turned as well, by turn: all of them as far as there is room, else the first of a random order. */
export function turnedToo<T>(images: readonly T[], turns: readonly Turn[]): ReadonlyMap<Turn, readonly T[]> {
  const order = shuffled(images, randomFrom(SEED));
  let room = Math.max(0, MOST_LEARNED - images.length);
  const found = new Map<Turn, readonly T[]>();
  for (const turn of turns) {
    found.set(turn, order.slice(0, room));
    room = Math.max(0, room - order.length);
  }
  return found;
}

/** The turns that leave a picture in its shape, half a turn first. */
export function turnsOf({ width, height }: PixelShape): readonly Turn[] {
  return width === height ? [2, 1, 3] : [2];
}

/** @param pixels uint8 HWC of an image that keeps its shape when turned; by 0 they are as they were */
export function turnedPixels(pixels: Uint8Array, { width, height }: PixelShape, turn: Turn | 0): Uint8Array {
  if (turn === 0) return pixels;
  const channels = pixels.length / (width * height);
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [toX, toY] =
        turn === 2 ? [width - 1 - x, height - 1 - y] : turn === 1 ? [height - 1 - y, x] : [y, width - 1 - x];
      const from = (y * width + x) * channels;
      out.set(pixels.subarray(from, from + channels), (toY * width + toX) * channels);
    }
  }
  return out;
}
