/** What a page knows again when one comes back to it, as long as the same person sits here. */

import { useEffect, useLayoutEffect, useRef, useState } from 'react';

const remembered = new Map<string, unknown>();

/** Like `useState`; known again by whoever comes back from another page. @param name of what is remembered, one of a kind */
export function useRemembered<T>(name: string, first: T) {
  const state = useState(() => (remembered.get(name) as T | undefined) ?? first);
  const [value] = state;
  useEffect(() => {
    remembered.set(name, value);
  }, [name, value]);
  return state;
}

/** What pages showed when they were left, by the entry of the history; a new map for whoever sits here next. */
let left = new Map<string, object>();
const MAX_LEFT = 10;
let entries = 0;

/**
 * This entry of the history: what was kept here when it was left, nothing where one comes for the first time; and where its page
 * keeps that.
 */
export function thisEntry<T extends object>(): {
  readonly kept: Partial<T>;
  readonly keep: (shown: Partial<T>) => void;
} {
  const mine = left;
  const entry = entryName();
  return {
    kept: mine.get(entry) ?? {},
    keep: (shown) => {
      const kept = { ...mine.get(entry), ...shown };
      mine.delete(entry);
      mine.set(entry, kept);
      const [oldest] = mine.keys();
      if (mine.size > MAX_LEFT && oldest !== undefined) mine.delete(oldest);
    },
  };
}

/**
 * Whoever comes back to an entry of the history finds the place in the page where they left it.
 * @param what the page shows, where one page shows one thing after the other
 * @param isThere whether it is drawn: it may have to be fetched first
 */
export function useKeptPlace(what: string, isThere: boolean): void {
  const place = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    const { kept, keep } = thisEntry<{ scrolled: number }>();
    place.current = kept.scrolled;
    return () => keep({ scrolled: window.scrollY });
  }, [what]);
  useLayoutEffect(() => {
    if (!isThere || place.current === undefined) return;
    window.scrollTo(0, place.current);
    place.current = undefined;
  });
}

/** Somebody else sits here now. */
export function forgetAll(): void {
  remembered.clear();
  left = new Map();
}

/** Whoever comes back to an entry finds the same name. */
function entryName(): string {
  const { entry } = (history.state ?? {}) as { readonly entry?: string };
  if (entry !== undefined) return entry;
  const named = `${performance.timeOrigin} ${entries++}`;
  history.replaceState({ entry: named }, '');
  return named;
}
