import { describe, expect, it } from 'vitest';
import { UNFAMILIAR } from '../../src/frame/score.ts';
import { distanceOf, limitOf, RAMP, sharesOfDistance, unfamiliarityOf } from '../../src/training/familiarity.ts';

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

  it('goes from familiar to unfamiliar around the limit, in no step', () => {
    const familiarity = { shares, limit: 2 };
    expect(unfamiliarityOf(0, familiarity)).toBe(0);
    expect(unfamiliarityOf(2 * (1 - RAMP / 2), familiarity)).toBeCloseTo(0);
    expect(unfamiliarityOf(2, familiarity)).toBeCloseTo(UNFAMILIAR);
    expect(unfamiliarityOf(2 * (1 + RAMP / 2), familiarity)).toBeCloseTo(1);
    expect(unfamiliarityOf(9, familiarity)).toBe(1);
  });
});
