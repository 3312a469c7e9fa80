import { describe, expect, it } from 'vitest';
import { countText, durationText, instantOf, momentText, timeText } from '../../src/dashboard/web/time-text.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('times on the page', () => {
  it.each([
    [0, '0 sec', '0秒'],
    [7400, '7 sec', '7秒'],
    [119_400, '119 sec', '119秒'],
    [119_900, '2 min', '2分钟'],
    [90 * MINUTE, '90 min', '90分钟'],
    [5 * HOUR, '5 hr', '5小时'],
    [64 * HOUR, '3 days', '3天'],
  ])('say %d ms with no more digits than help', (ms, english, chinese) => {
    expect(durationText(ms, 'en')).toBe(english);
    expect(durationText(ms, 'zh')).toBe(chinese);
  });

  const AT = new Date('2026-11-05T23:30:00Z');
  const BERLIN = { language: 'en', timeZone: 'Europe/Berlin' } as const;
  const SHANGHAI = { language: 'zh', timeZone: 'Asia/Shanghai' } as const;

  it('are those of the plant, in the language of the page, whatever the browser speaks', () => {
    expect(timeText(AT, 'both', BERLIN)).toBe('6 Nov 2026, 00:30:00');
    expect(timeText(AT, 'both', SHANGHAI)).toBe('2026年11月6日 07:30:00');
    expect(timeText(AT, 'day', BERLIN)).toBe('6 Nov 2026');
    expect(countText(1_234_567, 'en')).toBe('1,234,567');
  });

  it('say the day where it is not today in the plant', () => {
    expect(momentText(AT, new Date('2026-11-06T10:00:00Z'), BERLIN)).toBe('00:30:00');
    expect(momentText(AT, new Date('2026-11-05T10:00:00Z'), BERLIN)).toBe('6 Nov 2026, 00:30:00');
  });

  it.each([
    ['2026-07-01T14:00', 'Europe/Berlin', '2026-07-01T12:00:00.000Z'],
    ['2026-12-01T14:00', 'Europe/Berlin', '2026-12-01T13:00:00.000Z'],
    ['2026-12-01T14:00:30', 'Asia/Kolkata', '2026-12-01T08:30:30.000Z'],
    ['2026-03-29T01:30', 'Europe/Berlin', '2026-03-29T00:30:00.000Z'],
    ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ])('take %s typed in %s for %s', (local, timeZone, instant) => {
    expect(new Date(instantOf(local, timeZone)).toISOString()).toBe(instant);
  });

  it('take what is no time for none', () => {
    expect(instantOf('12026-07-01T14:00', 'Europe/Berlin')).toBeNaN();
  });
});
