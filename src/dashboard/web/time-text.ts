/** Times as people say them: no more digits than help. */

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

/** The time of day, with its date where it was not today. @param at RFC 3339 */
export function momentText(at: string): string {
  const moment = new Date(at);
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? moment.toLocaleTimeString() : moment.toLocaleString();
}
