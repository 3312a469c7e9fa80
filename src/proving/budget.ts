/** So much per minute, evenly: what is not used is saved up for a few, never for an hour. */

export class Budget {
  private readonly perMinute: number;
  private readonly now: () => number;
  private left: number;
  private at: number;

  /** @param now monotonic milliseconds */
  constructor(perMinute: number, now: () => number) {
    this.perMinute = perMinute;
    this.now = now;
    this.left = this.most;
    this.at = now();
  }

  /** True where one more fits; then it is spent. */
  take(): boolean {
    const now = this.now();
    this.left = Math.min(this.most, this.left + ((now - this.at) * this.perMinute) / 60_000);
    this.at = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }

  /** What may come at once: a third of a minute's, at least one. */
  private get most(): number {
    return this.perMinute === 0 ? 0 : Math.max(1, Math.ceil(this.perMinute / 3));
  }
}
