/** How soon a dead engine may come back: at once while it happens rarely, later and later while it goes on. Pure. */

const WINDOW_MS = 60_000;
const FREE_RESTARTS = 5;
const MAX_DELAY_MS = 30_000;

export class Restarts {
  private readonly at: number[] = [];

  /**
   * Notes a death and says how long to wait before the next start.
   * @param now monotonic milliseconds
   * @returns 0 for the first five deaths in a minute, then 1, 2, 4 … 30 s
   */
  delayMs(now: number): number {
    while (this.at[0] !== undefined && this.at[0] <= now - WINDOW_MS) this.at.shift();
    this.at.push(now);
    const extra = this.at.length - FREE_RESTARTS;
    return extra <= 0 ? 0 : Math.min(1000 * 2 ** (extra - 1), MAX_DELAY_MS);
  }
}
