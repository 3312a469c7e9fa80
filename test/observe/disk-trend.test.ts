import { describe, expect, it } from 'vitest';
import { DiskTrend } from '../../src/observe/disk-trend.ts';

const GB = 1e9;

/** Every minute over some hours. */
function trendOf(hours: number, freeAt: (hour: number) => number): DiskTrend {
  const trend = new DiskTrend();
  for (let minute = 0; minute <= hours * 60; minute++) trend.note(freeAt(minute / 60), minute * 60_000);
  return trend;
}

describe('how long the disk lasts', () => {
  it('is what is free divided by the pace', () => {
    expect(trendOf(3, (hour) => 100 * GB - hour * GB).daysLeft()).toBeCloseTo(97 / 24, 5);
  });

  it('looks six hours back: what came before is forgotten', () => {
    const fastThenSlow = (hour: number) => (hour < 5 ? 1000 * GB - hour * 100 * GB : 500 * GB - (hour - 5) * GB);
    expect(trendOf(12, fastThenSlow).daysLeft()).toBeCloseTo(493 / 24, 1);
  });

  it('is not known of a disk that does not fill, or of one that was looked at for minutes', () => {
    expect(trendOf(3, () => 100 * GB).daysLeft()).toBeNull();
    expect(trendOf(3, (hour) => 100 * GB + hour * GB).daysLeft()).toBeNull();
    expect(trendOf(0.3, (hour) => 100 * GB - hour * GB).daysLeft()).toBeNull();
    expect(new DiskTrend().daysLeft()).toBeNull();
  });

  it('keeps a bounded number of samples', () => {
    const trend = new DiskTrend({ everyMs: 1000, overMs: 10_000 });
    for (let s = 0; s < 1000; s++) trend.note(2e6 - s * 1000, s * 1000);
    // The last ten seconds at a thousand bytes a second.
    expect((trend.daysLeft() ?? 0) * 86_400).toBeCloseTo(1001, 0);
  });
});
