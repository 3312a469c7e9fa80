import { describe, expect, it } from 'vitest';
import { AgeClock, type Jump } from '../../src/record/age-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 29);

/** @param file what one service keeps for the next */
function started(file: { jump: Jump | null } = { jump: null }) {
  const jumps: number[] = [];
  const ages = new AgeClock({
    onJump: (forwardMs) => jumps.push(forwardMs),
    kept: file.jump,
    keep: (jump) => (file.jump = jump),
  });
  return { ages, jumps, file };
}

function clock() {
  const { ages, jumps, file } = started();
  expect(ages.read(NOW, 0)).toBe(NOW);
  return { ages, jumps, file };
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

  it('is not believed by a service that follows within the day either, until it stood for a day of that one', () => {
    const { ages, file } = clock();
    const aheadMs = 365 * DAY;
    ages.read(NOW + HOUR + aheadMs, HOUR);
    const next = started(file);
    expect(next.ages.read(NOW + 3 * HOUR + aheadMs, 0)).toBe(NOW + 3 * HOUR);
    expect(next.ages.read(NOW + 4 * HOUR + aheadMs, HOUR)).toBe(NOW + 4 * HOUR);
    expect(next.jumps).toEqual([aheadMs]);
    const dayLater = NOW + 3 * HOUR + aheadMs + DAY;
    expect(next.ages.read(dayLater, DAY)).toBe(dayLater);
    expect(file.jump).toBeNull();
    expect(started(file).ages.read(dayLater + HOUR, 0)).toBe(dayLater + HOUR);
  });

  it('is believed at once where it was set right while nobody looked', () => {
    const { ages, file } = clock();
    ages.read(NOW + HOUR + 365 * DAY, HOUR);
    const next = started(file);
    expect(next.ages.read(NOW + 2 * HOUR, 0)).toBe(NOW + 2 * HOUR);
    expect([next.jumps, file.jump]).toEqual([[], null]);
  });

  it('takes a clock that came back for one that was right', () => {
    const { ages, jumps } = clock();
    ages.read(NOW + DAY, MINUTE);
    expect(ages.read(NOW + 2 * MINUTE, 2 * MINUTE)).toBe(NOW + 2 * MINUTE);
    expect(ages.read(NOW + DAY, 3 * MINUTE)).toBe(NOW + 3 * MINUTE);
    expect(jumps).toHaveLength(2);
  });
});
