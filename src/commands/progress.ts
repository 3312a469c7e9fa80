/** A progress bar on stderr, where a person watches. */

import cliProgress from 'cli-progress';

export interface Progress {
  /** Also after a `stop`. @param unit what is counted now, where it is something else than before */
  start(total: number, unit?: string): void;
  update(done: number): void;
  /** Idempotent. */
  stop(): void;
}

/** @param unit what is counted, in the plural */
export function showProgress(unit: string, isWanted: boolean): Progress {
  const bar = new cliProgress.SingleBar({
    format: `{unit} {bar} {value}/{total}, {eta_formatted} left`,
    noTTYOutput: false,
    stream: process.stderr,
  });
  const isShown = isWanted && process.stderr.isTTY;
  let isStarted = false;
  return {
    start(total, counted = unit) {
      if (isShown) bar.start(total, 0, { unit: counted });
      isStarted = isShown;
    },
    update(done) {
      if (isStarted) bar.update(done);
    },
    stop() {
      if (isStarted) bar.stop();
      isStarted = false;
    },
  };
}
