import { describe, expect, it } from 'vitest';
import { PLACE_WIDTH } from '../../src/training/places.ts';
import { randomFrom } from '../../src/training/random.ts';
import { type Example, teach } from '../../src/training/teaching.ts';
import {
  halvesOfGood,
  isWorthTurning,
  type Turn,
  turnedPixels,
  turnedToo,
  turnsOf,
  usualTurns,
} from '../../src/training/turns.ts';

describe('turning pixels', () => {
  it('goes clockwise by quarters, channels together', () => {
    // 1 2
    // 3 4
    const square = Uint8Array.of(1, 10, 2, 20, 3, 30, 4, 40);
    const shape = { width: 2, height: 2 };
    expect([...turnedPixels(square, shape, 1)]).toEqual([3, 30, 1, 10, 4, 40, 2, 20]);
    expect([...turnedPixels(square, shape, 2)]).toEqual([4, 40, 3, 30, 2, 20, 1, 10]);
    expect([...turnedPixels(square, shape, 3)]).toEqual([2, 20, 4, 40, 1, 10, 3, 30]);
    expect([...turnedPixels(Uint8Array.of(1, 2, 3, 4, 5, 6), { width: 3, height: 2 }, 2)]).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it('leaves a picture that is not square but half a turn', () => {
    expect(turnsOf({ width: 64, height: 64 })).toEqual([2, 1, 3]);
    expect(turnsOf({ width: 64, height: 80 })).toEqual([2]);
  });
});

describe('who is asked', () => {
  const images = (good: number, perPart: number) =>
    Array.from({ length: good + 9 }, (_, i) => ({ group: `${Math.floor(i / perPart)}`, isDefective: i >= good }));

  it('are good images, in halves of different parts', () => {
    const [one, other] = halvesOfGood(images(60, 2)) ?? [[], []];
    expect([one.length, other.length]).toEqual([24, 24]);
    expect([...one, ...other].some(({ isDefective }) => isDefective)).toBe(false);
    const parts = new Set(one.map(({ group }) => group));
    expect(other.filter(({ group }) => parts.has(group))).toEqual([]);
  });

  it('are nobody where they would say nothing', () => {
    expect(halvesOfGood(images(8, 1))).toBeNull();
    expect(halvesOfGood(images(40, 40))).toBeNull();
  });
});

/** Of a feature and a square that lie around `level`, give or take a deviation of 1. */
function exampleOf(i: number, level: number, random: () => number): Example {
  const near = () => level + (random() - 0.5) * 3;
  const places = { rows: 3, columns: 3, values: Float32Array.from({ length: 9 * PLACE_WIDTH }, near) };
  const blocks = [0, 1].map(() => Float32Array.from({ length: 40 }, near));
  const patches = { values: Float32Array.from({ length: 20 }, near), width: 4, isMarked: null };
  return { file: `${i}`, group: `${i}`, isDefective: false, blocks, patches, places };
}

describe('the turns that are usual', () => {
  const random = randomFrom(5);
  const some = (level: number, from = 0) => Array.from({ length: 16 }, (_, i) => exampleOf(from + i, level, random));
  const halves = [some(0), some(0, 16)] as const;
  const all = (level: number) => [...some(level), ...some(level, 16)];
  const turnsWith = (half: number, quarters: number | null) => {
    const by: [Turn, Example[]][] = [[2, all(half)]];
    if (quarters !== null) by.push([1, all(quarters)], [3, all(quarters)]);
    return usualTurns(halves, new Map(by));
  };

  it('are all where good parts turned are as near as others, and half a turn where its shape allows no more', () => {
    expect(turnsWith(0, 0)).toEqual([2, 1, 3]);
    expect(turnsWith(0, null)).toEqual([2]);
  });

  it('are none, or half a turn alone, where parts that are turned are far off', () => {
    expect(turnsWith(2, 2)).toEqual([]);
    expect(turnsWith(2, 0)).toEqual([]);
    expect(turnsWith(0, 2)).toEqual([2]);
  });

  it('are none where a turned one is off at its places alone, or nowhere in particular', () => {
    const [near, far] = [all(0), all(2)];
    const mixed = (whole: Example[], places: Example[]) =>
      whole.map((each, i) => ({ ...each, places: places[i]?.places ?? each.places }));
    expect(usualTurns(halves, new Map([[2, mixed(near, far)]]))).toEqual([]);
    expect(usualTurns(halves, new Map([[2, mixed(far, near)]]))).toEqual([]);
    expect(usualTurns(halves, new Map([[2, mixed(near, near)]]))).toEqual([2]);
  });
});

describe('what is learned turned', () => {
  it('is every image by every turn, and of many images as many as there is room for', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => i);
    const counts = (count: number) =>
      [...turnedToo(names(count), [2, 1, 3])].map(([turn, some]) => [turn, some.length]);
    expect(counts(60)).toEqual([
      [2, 60],
      [1, 60],
      [3, 60],
    ]);
    expect(counts(200)).toEqual([
      [2, 120],
      [1, 0],
      [3, 0],
    ]);
    expect(counts(400)).toEqual([
      [2, 0],
      [1, 0],
      [3, 0],
    ]);
    expect(turnedToo(names(4), []).size).toBe(0);
    expect([isWorthTurning(names(200)), isWorthTurning(names(201))]).toEqual([true, false]);
  });

  it('tells nothing of a part while that part is held back', () => {
    const random = randomFrom(7);
    // Nothing tells the classes apart but the very images.
    const examples = Array.from({ length: 80 }, (_, i) => ({ ...exampleOf(i, 0, random), isDefective: i % 2 === 0 }));
    const limits = { escapes: 0.02, falseRejects: 0.02 };
    const lesson = teach(examples, limits, examples);
    expect(lesson.validation).toHaveLength(80);
    expect(lesson.isFit).toBe(false);
  });
});
