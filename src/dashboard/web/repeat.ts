/**
 * What a page asks again and again: one question at a time, given up after a while, so that none pile up before a network that is
 * gone.
 */

import { useEffect } from 'react';

const GIVEN_UP_MS = 60_000;

/**
 * Asks at once, and again `periodMs` after each answer or failure. Another `ask` takes the place of the one before, whose answer
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
      try {
        await ask(AbortSignal.any([ended.signal, AbortSignal.timeout(GIVEN_UP_MS)]));
      } catch (error) {
        if (!ended.signal.aborted) onFailure(error);
      }
      if (!ended.signal.aborted) timer = setTimeout(() => void run(), periodMs);
    };
    void run();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [ask, onFailure, periodMs]);
}
