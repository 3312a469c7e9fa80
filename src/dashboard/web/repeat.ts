/**
 * What a page asks again and again: one question at a time, given up after a while, so that none pile up before a network that is
 * gone.
 */

import { useEffect } from 'react';

const GIVEN_UP_MS = 60_000;
/** After a failure it is asked again so soon at least: what is shown is old. */
const RETRY_MS = 5000;

/**
 * Asks at once, and again `periodMs` after each answer, sooner after a failure. Another `ask` takes the place of the one before, whose answer
 * nobody waits for any more.
 */
export function useRepeated(
  ask: (signal: AbortSignal) => Promise<void>,
  onFailure: (error: unknown) => void,
  periodMs: number,
): void {
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      let waitMs = periodMs;
      try {
        await ask(AbortSignal.any([ended.signal, AbortSignal.timeout(GIVEN_UP_MS)]));
      } catch (error) {
        waitMs = Math.min(periodMs, RETRY_MS);
        if (!ended.signal.aborted) onFailure(error);
      }
      if (!ended.signal.aborted) timer = setTimeout(() => void run(), waitMs);
    };
    void run();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [ask, onFailure, periodMs]);
}
