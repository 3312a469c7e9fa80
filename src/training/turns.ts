/**
 * Parts that may lie any way: what they show is learned turned as well, since 30 screws do not lie in all the ways a screw can. Whether
 * parts lie so is asked of the good ones: where it is usual for them to be turned, one that is turned is no farther from the others, as a
 * whole and at each place. A label that is upside down is far off at nearly every place, and stays a defect. Pure.
 */

import { widthsOf } from './blocks.ts';
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
/** Good images that are asked, and those of other parts that they are compared with. */
const ASKED = 16;
const LEARNED = 32;
/** Of both; fewer say nothing. */
const LEAST = 5;
/** How much farther a turned one may be in the median: that of so few differs by nearly as much. */
const USUAL = 1.15;
const SEED = 1;

/** Good images of which some are asked whether it is usual to be turned; `null` where there are too few to tell. */
export function askedOf<T extends Grouped>(
  images: readonly T[],
): { readonly learned: T[]; readonly asked: T[] } | null {
  const good = shuffled(
    images.filter(({ isDefective }) => !isDefective),
    randomFrom(SEED),
  );
  const parts = [...new Set(good.map(({ group }) => group))];
  const side = (isAsked: boolean) => good.filter(({ group }) => (parts.indexOf(group) % 2 === 1) === isAsked);
  const [learned, asked] = [side(false).slice(0, LEARNED), side(true).slice(0, ASKED)];
  return learned.length < LEAST || asked.length < LEAST ? null : { learned, asked };
}

/**
 * @param turned the asked images by each turn that their shape allows
 * @returns half a turn, or every turn, where good parts lie so; the empty list where they lie one way
 */
export function usualTurns(
  learned: readonly Example[],
  asked: readonly Example[],
  turned: ReadonlyMap<Turn, readonly Example[]>,
): readonly Turn[] {
  const scale = {
    ...scaleOf(learned.map(({ blocks }) => Float32Array.from(blocks.flatMap((block) => [...block])))),
    clip: CLIP,
  };
  const shares = sharesOfDistance(widthsOf(learned));
  const { memory } = learnPlaces(learned, randomFrom(SEED));
  const farness = ({ blocks, places }: Example) => [distanceOf(scale, shares, blocks), misfit(misfits(memory, places))];
  const usual = new Map(asked.map((each) => [each.file, farness(each)]));
  const isUsual = (images: readonly Example[]) => {
    // Each against itself as it lies: good parts differ more among each other than by being turned.
    const ratios = images.map((each) => farness(each).map((far, k) => far / (usual.get(each.file)?.[k] ?? Number.NaN)));
    return [0, 1].every((k) => median(ratios.map((ratio) => ratio[k] ?? Number.NaN)) <= USUAL);
  };
  const by = (turn: Turn) => turned.get(turn) ?? [];
  if (!isUsual(by(2))) return [];
  return isUsual([...by(1), ...by(3)]) ? [2, 1, 3] : [2];
}

/** Which images are learned turned as well, by turn: all of them where there is room, else the first of a random order. */
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

/** @param pixels uint8 HWC of an image that keeps its shape when turned */
export function turnedPixels(pixels: Uint8Array, { width, height }: PixelShape, turn: Turn): Uint8Array {
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
