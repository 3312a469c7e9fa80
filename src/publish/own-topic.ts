/**
 * A topic on which the station speaks of itself: best effort, nothing of it may keep results waiting. A broker that ends the
 * connection over it, time after time, hears nothing on it for a while: a minute, then twice as long each time, at most an hour.
 */

/** A broker that goes away by itself is not taken for one that refuses. */
const LOSSES_BEFORE_SILENCE = 3;
const SILENCE_MS = 60_000;
const MAX_SILENCE_MS = 3_600_000;

export class OwnTopic {
  private readonly mono: () => number;
  private readonly onSilence: (seconds: number) => void;
  /** How often in a row the connection ended over it. */
  private losses = 0;
  private isSending = false;
  private silentUntilMono = Number.NEGATIVE_INFINITY;

  constructor(mono: () => number, onSilence: (seconds: number) => void) {
    this.mono = mono;
    this.onSilence = onSilence;
  }

  get isSilent(): boolean {
    return this.mono() < this.silentUntilMono;
  }

  /** The connection ended over the last that was sent: the next has to go alone, so that it is told from what goes beside it. */
  get isSuspect(): boolean {
    return this.losses > 0;
  }

  /**
   * Resolves to whether all of it went out: not where it is silent, or where an earlier one is still on its way.
   * @param publish rejects with ConnectionLost only
   */
  async send(publish: () => readonly Promise<void>[]): Promise<boolean> {
    if (this.isSilent || this.isSending) return false;
    this.isSending = true;
    const ends = await Promise.allSettled(publish());
    this.isSending = false;
    const isLost = ends.some(({ status }) => status === 'rejected');
    if (isLost) this.noteLoss();
    else this.losses = 0;
    return !isLost;
  }

  private noteLoss(): void {
    this.losses += 1;
    const earlier = this.losses - LOSSES_BEFORE_SILENCE;
    if (earlier < 0) return;
    const silenceMs = Math.min(MAX_SILENCE_MS, SILENCE_MS * 2 ** earlier);
    this.silentUntilMono = this.mono() + silenceMs;
    this.onSilence(silenceMs / 1000);
  }
}
