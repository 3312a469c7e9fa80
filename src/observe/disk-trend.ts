/** How long the disk lasts at the pace of the last hours. Pure. */

export interface DiskTrendOptions {
  /** Milliseconds between two samples that are kept. */
  readonly everyMs?: number;
  /** Milliseconds that are looked back. */
  readonly overMs?: number;
}

const EVERY_MS = 300_000;
const OVER_MS = 6 * 3_600_000;
/** Fewer samples say more of chance than of pace. */
const MIN_SAMPLES = 6;
const DAY_MS = 86_400_000;

export class DiskTrend {
  private readonly everyMs: number;
  private readonly overMs: number;
  private readonly samples: { readonly at: number; readonly freeBytes: number }[] = [];

  constructor({ everyMs = EVERY_MS, overMs = OVER_MS }: DiskTrendOptions = {}) {
    this.everyMs = everyMs;
    this.overMs = overMs;
  }

  /** @param at milliseconds of a clock that only goes forward */
  note(freeBytes: number, at: number): void {
    const last = this.samples.at(-1);
    if (last !== undefined && at - last.at < this.everyMs) return;
    this.samples.push({ at, freeBytes });
    while (at - (this.samples[0]?.at ?? at) > this.overMs) this.samples.shift();
  }

  /** Days until nothing is free; null where the disk does not fill, or too little is known. As predict_linear of Prometheus. */
  daysLeft(): number | null {
    const { length } = this.samples;
    const last = this.samples.at(-1);
    if (last === undefined || length < MIN_SAMPLES) return null;
    const meanAt = this.samples.reduce((sum, { at }) => sum + at, 0) / length;
    const meanFree = this.samples.reduce((sum, { freeBytes }) => sum + freeBytes, 0) / length;
    let both = 0;
    let squares = 0;
    for (const { at, freeBytes } of this.samples) {
      both += (at - meanAt) * (freeBytes - meanFree);
      squares += (at - meanAt) ** 2;
    }
    const bytesPerMs = both / squares;
    return bytesPerMs < 0 ? last.freeBytes / -bytesPerMs / DAY_MS : null;
  }
}
