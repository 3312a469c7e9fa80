/** Work-conserving batching inside one engine: never waits while the session is idle, never grows past a deadline. */

import type { UninspectedReason } from '../errors.ts';
import type { Score } from '../frame/score.ts';

/** A decoded image waiting for the session. */
export interface Decoded {
  readonly id: number;
  /** uint8 HWC. */
  readonly pixels: Uint8Array;
  readonly decodeMs: number;
  /** On this process's monotonic clock. */
  readonly expiresAt: number;
}

export interface BatchRunner {
  run(pixels: readonly Uint8Array[], size: number): Promise<readonly Score[]>;
}

export interface BatchSink {
  scored(decoded: Decoded, score: Score, inferMs: number, batchSize: number): void;
  faulted(id: number, reason: UninspectedReason, detail: string): void;
  /** The session itself failed: its context may be poisoned, so this engine must not go on. */
  broken(error: unknown): void;
}

/**
 * How many of `waiting` images to run now: as many as wait, up to the largest size whose time still meets the earliest
 * deadline; at least one.
 * @param batchMs milliseconds per run by size, ascending sizes
 */
export function chooseBatch(waiting: number, slackMs: number, batchMs: ReadonlyMap<number, number>): number {
  let chosen = 1;
  for (const [size, ms] of batchMs) {
    if (ms > slackMs) break;
    chosen = size;
    if (size >= waiting) break;
  }
  return Math.min(chosen, waiting);
}

/** Of an image that a runner left out: no verdict. */
const NO_SCORE: Score = { probability: Number.NaN, unfamiliarity: null };

export class Batcher {
  private readonly waiting: Decoded[] = [];
  /** As warmed, ascending sizes. */
  private readonly batchMs: ReadonlyMap<number, number>;
  /**
   * How many times as long as when warmed a run takes now. One number for all sizes: a size that is thought too slow is not run,
   * and could never show that it is not.
   */
  private slowness = 1;
  private readonly runner: BatchRunner;
  private readonly sink: BatchSink;
  private readonly now: () => number;
  private isRunning = false;

  constructor(runner: BatchRunner, batchMs: ReadonlyMap<number, number>, sink: BatchSink, now: () => number) {
    this.runner = runner;
    this.batchMs = new Map([...batchMs].sort(([a], [b]) => a - b));
    this.sink = sink;
    this.now = now;
  }

  add(decoded: Decoded): void {
    this.waiting.push(decoded);
    if (!this.isRunning) void this.drain();
  }

  private async drain(): Promise<void> {
    this.isRunning = true;
    while (this.waiting.length > 0) {
      const batch = this.next();
      if (batch.length === 0) continue;
      try {
        await this.runOne(batch);
      } catch (error) {
        this.sink.broken(error);
        return;
      }
    }
    this.isRunning = false;
  }

  /** The next batch, after what is already late has been answered without spending a run on it. */
  private next(): Decoded[] {
    const now = this.now();
    const live = this.waiting.filter((decoded) => decoded.expiresAt > now);
    for (const late of this.waiting) {
      if (late.expiresAt <= now) this.sink.faulted(late.id, 'deadline_exceeded', 'late before inference');
    }
    const slackMs = live.reduce((least, decoded) => Math.min(least, decoded.expiresAt), Number.POSITIVE_INFINITY) - now;
    const batch = live.splice(
      0,
      live.length === 0 ? 0 : chooseBatch(live.length, slackMs / this.slowness, this.batchMs),
    );
    this.waiting.splice(0, this.waiting.length, ...live);
    return batch;
  }

  private async runOne(batch: readonly Decoded[]): Promise<void> {
    const size = [...this.batchMs.keys()].find((candidate) => candidate >= batch.length) ?? batch.length;
    const before = this.now();
    const scores = await this.runner.run(
      batch.map((decoded) => decoded.pixels),
      size,
    );
    const inferMs = this.now() - before;
    const warmedMs = this.batchMs.get(size) ?? inferMs;
    this.slowness += (inferMs / warmedMs - this.slowness) * 0.1;
    batch.forEach((decoded, i) => this.sink.scored(decoded, scores[i] ?? NO_SCORE, inferMs, size));
  }
}
