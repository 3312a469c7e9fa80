import { describe, expect, it } from 'vitest';
import { gridFromMap, gridOf, occlusionMap, paintedOver } from '../../src/engine/occlusion.ts';

const SHAPE = { width: 40, height: 20, channels: 3 };
const grey = (level: number, { width, height, channels } = SHAPE) =>
  new Uint8Array(width * height * channels).fill(level);

/** A grey picture with a bright spot of 4x4 pixels at `x`, `y`. */
function withSpot(x: number, y: number, level = 255): Uint8Array {
  const pixels = grey(100);
  for (let dy = 0; dy < 4; dy++) {
    for (let dx = 0; dx < 4; dx++) pixels.fill(level, ((y + dy) * 40 + x + dx) * 3, ((y + dy) * 40 + x + dx) * 3 + 3);
  }
  return pixels;
}

/** Calls what is bright a defect: the more, the surer. */
const sureOfBright = (pictures: readonly Uint8Array[]) =>
  Promise.resolve(
    pictures.map((pixels) => {
      const bright = pixels.filter((value) => value > 200).length;
      return 1 / (1 + Math.exp(3 - bright / 4));
    }),
  );

function hottest({ columns, values }: { columns: number; values: readonly number[] }) {
  const at = values.indexOf(Math.max(...values));
  return { column: at % columns, row: Math.floor(at / columns), value: values[at] };
}

describe('the grid', () => {
  it('has about square cells, ten along the longer edge, at least two each way, never more than pixels', () => {
    expect(gridOf({ width: 128, height: 128 })).toEqual({ columns: 10, rows: 10 });
    expect(gridOf({ width: 40, height: 20 })).toEqual({ columns: 10, rows: 5 });
    expect(gridOf({ width: 1000, height: 10 })).toEqual({ columns: 10, rows: 2 });
    expect(gridOf({ width: 8, height: 8 })).toEqual({ columns: 8, rows: 8 });
  });
});

describe('painting a spot over', () => {
  it('leaves an even picture as it is, at its edges too', () => {
    for (const box of [
      { left: 0, top: 0, right: 9, bottom: 9 },
      { left: 30, top: 12, right: 40, bottom: 20 },
    ]) {
      expect(paintedOver(grey(77), SHAPE, box)).toEqual(grey(77));
    }
  });

  it('takes what is around: nothing is left of a spot, and nothing outside is touched', () => {
    const picture = withSpot(12, 8);
    expect(paintedOver(picture, SHAPE, { left: 12, top: 8, right: 16, bottom: 12 })).toEqual(grey(100));
    expect(picture).toEqual(withSpot(12, 8));
  });

  it('counts nearer pixels more', () => {
    const ramp = Uint8Array.from({ length: 5 }, (_, x) => x * 50);
    const row = { width: 5, height: 1, channels: 1 };
    // Between 0 and 200 at distances 1:3, 2:2, 3:1.
    expect([...paintedOver(ramp, row, { left: 1, top: 0, right: 4, bottom: 1 })]).toEqual([0, 50, 100, 150, 200]);
  });

  it('leaves a picture alone that has nothing around', () => {
    const box = { left: 0, top: 0, right: 40, bottom: 20 };
    expect(paintedOver(withSpot(3, 3), SHAPE, box)).toEqual(withSpot(3, 3));
  });
});

describe('an occlusion map', () => {
  it.each([
    [0, 0],
    [20, 8],
    [36, 16],
  ])('is hottest where the spot is: %d, %d', async (x, y) => {
    const pixels = withSpot(x, y);
    const [whole = 0] = await sureOfBright([pixels]);
    const map = await occlusionMap(pixels, SHAPE, whole, 7, sureOfBright);
    expect(map).toMatchObject({ columns: 10, rows: 5 });
    expect(hottest(map)).toEqual({ column: x / 4, row: y / 4, value: 1 });
    expect(Math.min(...map.values)).toBe(0);
  });

  it('stays cool where nothing makes a difference, and where the model gives no number', async () => {
    const same = await occlusionMap(grey(100), SHAPE, 0.9, 8, async (some) => some.map(() => 0.9));
    expect(Math.max(...same.values)).toBe(0);
    const slight = await occlusionMap(grey(100), SHAPE, 0.9, 8, async (some) => some.map(() => 0.899));
    expect(Math.max(...slight.values)).toBeLessThan(0.1);
    const nan = await occlusionMap(grey(100), SHAPE, 0.9, 8, async (some) => some.map(() => Number.NaN));
    expect(Math.max(...nan.values)).toBe(0);
  });

  it('hands in no more pictures at once than it may', async () => {
    const sizes: number[] = [];
    await occlusionMap(grey(100), SHAPE, 0.9, 16, async (some) => {
      sizes.push(some.length);
      return some.map(() => 0.9);
    });
    expect(Math.max(...sizes)).toBe(16);
    // 10x5 cells, windows of one, two and three cells.
    expect(sizes.reduce((a, b) => a + b)).toBe(50 + 36 + 24);
  });

  it('passes on what goes wrong', async () => {
    const broken = () => Promise.reject(new Error('the device is gone'));
    await expect(occlusionMap(grey(1), SHAPE, 0.5, 8, broken)).rejects.toThrow('the device is gone');
  });
});

describe("a graph's own map", () => {
  it('is taken as it is within 0..1, else cut at 0 and scaled', () => {
    expect(gridFromMap([0.25, 0, 1, 0.0004], 2, 2)).toEqual({ columns: 2, rows: 2, values: [0.25, 0, 1, 0] });
    expect(gridFromMap([-3, 4, Number.NaN, 8], 1, 4).values).toEqual([0, 0.5, 0, 1]);
  });
});
