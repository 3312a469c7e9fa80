/**
 * The time by which ages are judged: that of the wall clock, unless it jumped ahead. Images and waiting results go for their age and never
 * come back, and a clock that is set wrongly for a minute must not take a year's worth of them. After a jump the clock is
 * believed when it stood for a day.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A change of summer time does not move the clock of UTC, and what keeps clocks right moves them by less. */
const TOLERATED_MS = HOUR_MS;

/** Before Loupe was there: what is dated earlier was dated by a clock that nobody had set, and its age is not known. */
export const EARLIEST_MS = Date.UTC(2026, 0, 1);

export class AgeClock {
  private readonly onJump: (forwardMs: number) => void;
  private base: { readonly now: number; readonly mono: number } | null = null;
  private jumpedAt: number | null = null;

  /** @param onJump told once of each jump, in milliseconds */
  constructor(onJump: (forwardMs: number) => void) {
    this.onJump = onJump;
  }

  /**
   * @param now wall clock, milliseconds since 1970
   * @param mono monotonic milliseconds
   * @returns whole milliseconds, as the ledger keeps them
   */
  read(now: number, mono: number): number {
    const expected = this.base === null ? now : Math.round(this.base.now + (mono - this.base.mono));
    if (now - expected > TOLERATED_MS) {
      if (this.jumpedAt === null) this.onJump(Math.round(now - expected));
      this.jumpedAt ??= mono;
      if (mono - this.jumpedAt < DAY_MS) return expected;
    }
    this.jumpedAt = null;
    this.base = { now, mono };
    return now;
  }
}
