import { describe, expect, it } from 'vitest';
import { distanceOf, inDoubt, limitOf, RAMP, sharesOfDistance, unfamiliarAt } from '../../src/training/familiarity.ts';

describe('how familiar a picture is', () => {
  const scale = { means: Float64Array.of(5, 1, 2, 3), deviations: Float64Array.of(1, 2, 1, 1), clip: 4 };
  const shares = sharesOfDistance([1, 1, 2]);

  it('is the mean of squared deviations, blocks alike, without the one that follows the lamp', () => {
    expect([...shares]).toEqual([0, 0.5, 0.25, 0.25]);
    expect([...sharesOfDistance([2])]).toEqual([0.5, 0.5]);
    const distance = (...blocks: number[][]) =>
      distanceOf(
        scale,
        shares,
        blocks.map((block) => Float32Array.from(block)),
      );
    expect(distance([5], [1], [2, 3])).toBe(0);
    expect(distance([900], [1], [2, 3])).toBe(0);
    expect(distance([5], [5], [3, 3])).toBe(0.5 * 4 + 0.25 * 1);
    // However far off, no more than clip².
    expect(distance([5], [900], [-900, 900])).toBe(16);
  });

  it('has a limit beyond what held-out parts have, that one stray image among many does not set', () => {
    const usual = Array.from({ length: 300 }, (_, i) => 1 + i / 300);
    expect(limitOf([...usual, 16])).toBeLessThan(1.2 * 2);
    expect(limitOf([1, 3])).toBeCloseTo(3.6);
    expect(limitOf([0.1])).toBe(2);
  });

  it('raises what would pass to between the cuts, step by step, and lowers nothing', () => {
    const familiarity = { shares, limit: 2, probability: 0.6 };
    expect(inDoubt(0.1, 2, familiarity)).toBe(0.1);
    expect(inDoubt(0.1, 2 + RAMP, familiarity)).toBeCloseTo(0.35);
    expect(inDoubt(0.1, 9, familiarity)).toBeCloseTo(0.6);
    expect(inDoubt(0.9, 9, familiarity)).toBe(0.9);
  });

  it('leaves no PASS to a stranger in the arithmetic of an engine, where both cuts are the same either', () => {
    for (let step = 1; step < 1000; step++) {
      const cut = step / 1000;
      const raised = Math.fround(0.01 + Math.fround(unfamiliarAt({ passBelow: cut, failAbove: cut }) - 0.01));
      expect(raised).toBeGreaterThanOrEqual(cut);
    }
    const between = unfamiliarAt({ passBelow: 0.2, failAbove: 0.201 });
    expect(between).toBeGreaterThan(0.2);
    expect(between).toBeLessThan(0.201);
  });
});
