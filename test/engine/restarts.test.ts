import { describe, expect, it } from 'vitest';
import { Restarts } from '../../src/engine/restarts.ts';

describe('how soon a dead engine comes back', () => {
  it('at once five times a minute, then later and later, at most half a minute', () => {
    const restarts = new Restarts();
    const delays = Array.from({ length: 12 }, () => restarts.delayMs(1000));
    expect(delays).toEqual([0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it('at once again when a minute has passed', () => {
    const restarts = new Restarts();
    for (let n = 0; n < 8; n++) restarts.delayMs(n);
    expect(restarts.delayMs(60_100)).toBe(0);
  });
});
