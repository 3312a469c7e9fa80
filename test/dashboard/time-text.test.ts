import { describe, expect, it } from 'vitest';
import { durationText, momentText } from '../../src/dashboard/web/time-text.ts';

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

  it('say the day where it is not today', () => {
    const now = new Date();
    const yesterday = new Date(now.getTime() - 24 * HOUR);
    expect(momentText(now.toISOString())).toBe(now.toLocaleTimeString());
    expect(momentText(yesterday.toISOString())).toBe(yesterday.toLocaleString());
  });
});
