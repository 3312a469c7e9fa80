/** Times and numbers as people say them: in the language of the page, on one clock, with no more digits than help. */

export interface Saying {
  readonly language: 'en' | 'zh';
  /** IANA name; undefined: the browser's own. */
  readonly timeZone: string | undefined;
}

/** The day before the month, the month in letters: nobody takes one for the other. */
const LOCALES = { en: 'en-GB', zh: 'zh-CN' } as const;
const PARTS = {
  day: { dateStyle: 'medium' },
  time: { timeStyle: 'medium' },
  both: { dateStyle: 'medium', timeStyle: 'medium' },
} as const;

const UNITS = [
  ['second', 1000, 120],
  ['minute', 60_000, 120],
  ['hour', 3_600_000, 48],
  ['day', 86_400_000, Number.POSITIVE_INFINITY],
] as const;

/** `90 sec`, `12 min`, `5 hr`, `3 days`. @param language as of `lang` in HTML */
export function durationText(ms: number, language: string): string {
  const [unit, unitMs] = UNITS.find(([, each, most]) => Math.round(ms / each) < most) ?? UNITS[3];
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }).format(Math.round(ms / unitMs));
}

export function timeText(at: Date, parts: keyof typeof PARTS, { language, timeZone }: Saying): string {
  return at.toLocaleString(LOCALES[language], { ...PARTS[parts], timeZone });
}

/** The time of day, with its date where it was not today. */
export function momentText(at: Date, now: Date, saying: Saying): string {
  const isToday = timeText(at, 'day', saying) === timeText(now, 'day', saying);
  return timeText(at, isToday ? 'time' : 'both', saying);
}

export function countText(count: number, language: Saying['language']): string {
  return count.toLocaleString(LOCALES[language]);
}

/**
 * When the clock of `timeZone` shows `local` (`2026-11-24T14:00`): milliseconds since 1970, NaN where `local` is no time. Of an hour
 * that is left out or comes twice when clocks change, one of the two.
 */
export function instantOf(local: string, timeZone: string | undefined): number {
  const asUtc = Date.parse(`${local}Z`);
  if (Number.isNaN(asUtc)) return Number.NaN;
  const offsetAt = (at: number) => {
    const shown = new Date(at).toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    return Date.parse(`${shown.replace(' ', 'T')}Z`) - at;
  };
  return asUtc - offsetAt(asUtc - offsetAt(asUtc));
}
