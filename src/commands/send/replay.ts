/** Sends files as a camera would: at a set rate or as fast as answers come, a bounded number under way. */

import { readFile } from 'node:fs/promises';
import type { FrameSender } from '../../client/sender.ts';
import type { ImageFile } from './file-list.ts';
import type { Sent } from './tally.ts';

export interface ReplayOptions {
  readonly cameraId: string;
  /** Frames per second; null: as fast as answers come. */
  readonly fps: number | null;
  /** Frames under way at once. */
  readonly concurrency: number;
  /** Aborted: nothing further is sent, what is under way is waited for. */
  readonly signal: AbortSignal;
  readonly onSent: (file: ImageFile, sent: Sent, latencyMs: number) => void;
}

export async function replay(sender: FrameSender, files: readonly ImageFile[], options: ReplayOptions): Promise<void> {
  const { fps, concurrency, signal } = options;
  const pace = new Pace(fps === null ? 0 : 1000 / fps, signal);
  let next = 0;
  const lane = async () => {
    while (!signal.aborted) {
      const file = files[next++];
      if (file === undefined) return;
      await pace.turn();
      if (signal.aborted) return;
      await sendFile(sender, file, options);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, lane));
}

async function sendFile(sender: FrameSender, file: ImageFile, options: ReplayOptions): Promise<void> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file.path);
  } catch (error) {
    options.onSent(file, { kind: 'error', code: 'unreadable_file', message: String(error) }, 0);
    return;
  }
  const { cameraId } = options;
  const sentAt = performance.now();
  const outcome = await sender.send({
    cameraId,
    frameId: file.frameId,
    bytes,
    contentType: null,
    capturedAt: null,
    sequence: null,
    isSimulated: false,
  });
  options.onSent(file, outcome, performance.now() - sentAt);
}

/** One turn per interval. A line does not make up for lost time: after a hold the rate goes on, without a burst. */
class Pace {
  private readonly intervalMs: number;
  private readonly signal: AbortSignal;
  private nextAt = 0;

  constructor(intervalMs: number, signal: AbortSignal) {
    this.intervalMs = intervalMs;
    this.signal = signal;
  }

  async turn(): Promise<void> {
    if (this.intervalMs === 0) return;
    const now = performance.now();
    const at = Math.max(now, this.nextAt);
    this.nextAt = at + this.intervalMs;
    if (at <= now) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, at - now);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }
}
