import { describe, expect, it } from 'vitest';
import { AgeClock } from '../../src/record/age-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 29);

function clock() {
  const jumps: number[] = [];
  const ages = new AgeClock((forwardMs) => jumps.push(forwardMs));
  expect(ages.read(NOW, 0)).toBe(NOW);
  return { ages, jumps };
}

describe('the age clock', () => {
  it('is the wall clock while that goes with time, is set right by a little, or is set back', () => {
    const { ages, jumps } = clock();
    for (const [now, mono] of [
      [NOW + HOUR, HOUR],
      [NOW + 2 * HOUR + 59 * MINUTE, 2 * HOUR],
      [0, 3 * HOUR],
      [HOUR, 4 * HOUR],
    ] as const) {
      expect(ages.read(now, mono)).toBe(now);
    }
    expect(jumps).toEqual([]);
  });

  it.each([
    ['two hours', 2 * HOUR],
    ['a day', DAY],
    ['from 1970 to now', NOW],
  ])('goes on as before where that jumps ahead by %s, and follows when it stood for a day', (_, aheadMs) => {
    const { ages, jumps } = clock();
    expect(ages.read(NOW + aheadMs + HOUR, HOUR)).toBe(NOW + HOUR);
    expect(ages.read(NOW + aheadMs + DAY, DAY)).toBe(NOW + DAY);
    expect(jumps).toEqual([aheadMs]);
    const dayLater = NOW + aheadMs + DAY + HOUR;
    expect(ages.read(dayLater, DAY + HOUR)).toBe(dayLater);
    expect(ages.read(dayLater + MINUTE, DAY + HOUR + MINUTE)).toBe(dayLater + MINUTE);
    expect(jumps).toHaveLength(1);
  });

  it('takes a clock that came back for one that was right', () => {
    const { ages, jumps } = clock();
    ages.read(NOW + DAY, MINUTE);
    expect(ages.read(NOW + 2 * MINUTE, 2 * MINUTE)).toBe(NOW + 2 * MINUTE);
    expect(ages.read(NOW + DAY, 3 * MINUTE)).toBe(NOW + 3 * MINUTE);
    expect(jumps).toHaveLength(2);
  });
});
