/**
 * The time by which ages are judged: that of the wall clock, unless it jumped ahead. Images and waiting results go for their age and never
 * come back, and a clock that is set wrongly for a minute must not take a year's worth of them. After a jump the clock is
 * believed when it stood for a day of one service: a restart, the first thing that is tried, begins the day anew.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A change of summer time does not move the clock of UTC, and what keeps clocks right moves them by less. */
const TOLERATED_MS = HOUR_MS;

/** Before Loupe was there: what is dated earlier was dated by a clock that nobody had set, and its age is not known. */
export const EARLIEST_MS = Date.UTC(2026, 0, 1);

export interface Jump {
  /** What the clock said, milliseconds since 1970. */
  readonly now: number;
  /** What it should have said. */
  readonly expected: number;
}

export interface AgeClockPorts {
  /** Told once of each jump, in milliseconds. */
  onJump(forwardMs: number): void;
  /** What the service before kept. */
  readonly kept: Jump | null;
  /** Keeps a jump for the service that follows; null: it is over. */
  keep(jump: Jump | null): void;
}

export class AgeClock {
  private readonly ports: AgeClockPorts;
  private base: { readonly now: number; readonly mono: number } | null = null;
  private jumpedAt: number | null = null;

  constructor(ports: AgeClockPorts) {
    this.ports = ports;
  }

  /**
   * @param now wall clock, milliseconds since 1970
   * @param mono monotonic milliseconds
   * @returns whole milliseconds, as the ledger keeps them
   */
  read(now: number, mono: number): number {
    this.base ??= { now: this.firstOf(now), mono };
    const expected = Math.round(this.base.now + (mono - this.base.mono));
    if (now - expected > TOLERATED_MS) {
      if (this.jumpedAt === null) {
        this.ports.onJump(Math.round(now - expected));
        this.ports.keep({ now: Math.round(now), expected });
      }
      this.jumpedAt ??= mono;
      if (mono - this.jumpedAt < DAY_MS) return expected;
    }
    if (this.jumpedAt !== null) this.ports.keep(null);
    this.jumpedAt = null;
    this.base = { now, mono };
    return now;
  }

  /** What the clock should say at the start: where it was ahead and still is, as far behind it as then. */
  private firstOf(now: number): number {
    const { kept } = this.ports;
    if (kept === null) return now;
    if (now >= kept.now - TOLERATED_MS) return kept.expected + (now - kept.now);
    this.ports.keep(null);
    return now;
  }
}
