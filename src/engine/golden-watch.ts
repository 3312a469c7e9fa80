/** How a pool's model did on its golden images: at each start of an engine, and on a timer. */

import type { EngineReady, GoldenChecked } from './protocol.ts';

export interface GoldenState {
  /** Milliseconds since 1970. */
  readonly checkedAt: number;
  readonly isOk: boolean;
  /** Null where an image was off or could not be scored. */
  readonly maxError: number | null;
  readonly scores: readonly number[];
  /** Why it is not ok; null when it is. */
  readonly detail: string | null;
}

export class GoldenWatch {
  private last: GoldenState | null = null;
  private timer: NodeJS.Timeout | undefined;

  /** Null before the first check. */
  get state(): GoldenState | null {
    return this.last;
  }

  /** @param everyMs null: never */
  start(everyMs: number | null, check: () => void): void {
    if (everyMs !== null) this.timer ??= setInterval(check, everyMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  proven({ goldenMaxError: maxError, goldenScores: scores }: EngineReady): void {
    this.last = { checkedAt: Date.now(), isOk: true, maxError, scores, detail: null };
  }

  checked(message: GoldenChecked): void {
    if (message.isOk) {
      const { maxError, scores } = message;
      this.last = { checkedAt: Date.now(), isOk: true, maxError, scores, detail: null };
    } else this.failed(message.detail);
  }

  failed(detail: string): void {
    this.last = { checkedAt: Date.now(), isOk: false, maxError: null, scores: [], detail };
  }
}
