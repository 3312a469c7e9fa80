/** A limit per second that allows what comes together: a second's worth at once, at least one. A token bucket. */
export class Pace {
  private readonly perSecond: number;
  private readonly most: number;
  private left: number;
  private at: number;

  /** @param now monotonic milliseconds */
  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond;
    this.most = Math.max(1, perSecond);
    this.left = this.most;
    this.at = now;
  }

  /** Whether one more may come now. One that may not costs nothing. */
  take(now: number): boolean {
    this.left = Math.min(this.most, this.left + ((now - this.at) / 1000) * this.perSecond);
    this.at = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
