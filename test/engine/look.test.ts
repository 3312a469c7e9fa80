import { describe, expect, it } from 'vitest';
import { lookOf } from '../../src/engine/look.ts';

const flat = (level: number, pixels: number) => new Uint8Array(pixels).fill(level);

/** Squares of `cell` pixels, dark and bright in turn. */
function board(edge: number, cell: number, dark = 50, bright = 200, channels = 1): Uint8Array {
  return Uint8Array.from({ length: edge * edge * channels }, (_, i) => {
    const at = Math.floor(i / channels);
    const isBright = (Math.floor((at % edge) / cell) + Math.floor(Math.floor(at / edge) / cell)) % 2 === 1;
    return isBright ? bright : dark;
  });
}

describe('the look of a picture', () => {
  it('of an even one is its level, without contrast and without edges', () => {
    expect(lookOf(flat(77, 64 * 64), 64, 64, 1)).toEqual({ brightness: 77, contrast: 0, focus: 0 });
  });

  it('is what the formulas say: a board of single pixels', () => {
    // Every pixel differs from its four neighbours by 150: the Laplacian is +-600.
    const look = lookOf(board(34, 1), 34, 34, 1);
    expect(look.brightness).toBeCloseTo(125, 6);
    expect(look.contrast).toBeCloseTo(75, 6);
    expect(look.focus).toBeCloseTo(600 ** 2, 3);
  });

  it('falls in focus when edges get softer, and scales with light', () => {
    const sharp = lookOf(board(64, 8), 64, 64, 1);
    const soft = board(64, 8).map((value, i, all) => ((all[i - 1] ?? value) + value + (all[i + 1] ?? value)) / 3);
    expect(lookOf(soft, 64, 64, 1).focus).toBeLessThan(sharp.focus / 2);
    const dim = lookOf(board(64, 8, 25, 100), 64, 64, 1);
    expect(dim.brightness / sharp.brightness).toBeCloseTo(0.5, 2);
    expect(dim.contrast / sharp.contrast).toBeCloseTo(0.5, 2);
  });

  it('takes the green of colour, and looks at so many places only of a large picture', () => {
    expect(lookOf(board(64, 8, 50, 200, 3), 64, 64, 3)).toEqual(lookOf(board(64, 8), 64, 64, 1));
    const large = lookOf(board(1024, 64), 1024, 1024, 1);
    expect(large.brightness).toBeCloseTo(125, -1);
  });

  it('has nothing to say of a picture without an inside', () => {
    expect(lookOf(flat(9, 4), 2, 2, 1)).toEqual({ brightness: 0, contrast: 0, focus: 0 });
  });
});
