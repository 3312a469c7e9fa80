/** Quarters of an hour to hours, shifts and days of the plant's own clock. Pure. */

export interface Shift {
  readonly name: string;
  /** `HH:MM`, on a quarter of an hour, local time. */
  readonly start: string;
}

export type Grouping = 'hour' | 'shift' | 'day';

export interface Group {
  /** `2026-11-24`, `2026-11-24 14:00` or `2026-11-24 early`; of a shift the day on which it began. */
  readonly label: string;
  /** When it began, milliseconds since 1970; an hour off where the clock was changed since. */
  readonly from: number;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** @param timeZone IANA name */
export class Calendar {
  private readonly format: Intl.DateTimeFormat;
  private readonly shifts: readonly { readonly name: string; readonly minute: number }[];
  private readonly offsets = new Map<number, number>();

  constructor(timeZone: string, shifts: readonly Shift[]) {
    this.format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    this.shifts = shifts.map(({ name, start }) => ({ name, minute: minuteOf(start) }));
  }

  /** @param at milliseconds since 1970 */
  groupOf(at: number, grouping: Grouping): Group {
    const minutes = Math.floor(at / MINUTE_MS) + this.offsetMinutes(at);
    const day = Math.floor(minutes / DAY_MINUTES);
    const minute = minutes - day * DAY_MINUTES;
    const begun = (label: string, minutesAgo: number): Group => ({ label, from: at - minutesAgo * MINUTE_MS });
    switch (grouping) {
      case 'day':
        return begun(dayText(day), minute);
      case 'hour':
        return begun(`${dayText(day)} ${String(Math.floor(minute / 60)).padStart(2, '0')}:00`, minute % 60);
      case 'shift': {
        const running = this.shifts.findLast((shift) => shift.minute <= minute);
        // Before the first shift of a day, the last one of the day before is at work.
        const shift = running ?? this.shifts.at(-1);
        const minutesAgo = (minute - (shift?.minute ?? 0) + DAY_MINUTES) % DAY_MINUTES;
        return begun(`${dayText(running === undefined ? day - 1 : day)} ${shift?.name ?? ''}`, minutesAgo);
      }
    }
  }

  /** Local time minus UTC. Changes at most once in a quarter of an hour. */
  private offsetMinutes(at: number): number {
    const quarter = Math.floor(at / (15 * MINUTE_MS));
    const known = this.offsets.get(quarter);
    if (known !== undefined) return known;
    const start = quarter * 15 * MINUTE_MS;
    const parts = Object.fromEntries(this.format.formatToParts(start).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
    const offset = Math.round((Date.UTC(year, month - 1, day, hour, minute) - start) / MINUTE_MS);
    if (this.offsets.size > 50_000) this.offsets.clear();
    this.offsets.set(quarter, offset);
    return offset;
  }
}

const dayText = (day: number) => new Date(day * DAY_MINUTES * MINUTE_MS).toISOString().slice(0, 10);

function minuteOf(start: string): number {
  const [hour = '0', minute = '0'] = start.split(':');
  return Number(hour) * 60 + Number(minute);
}
