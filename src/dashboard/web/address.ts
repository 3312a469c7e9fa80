/**
 * The address of the page, `#/results?verdict=FAIL`: which page, and what was chosen on it. What was chosen stands there so that
 * reload, back, forward and a bookmark show the same again.
 */

import { useSyncExternalStore } from 'react';

/** How many addresses this page has had before this one since it was loaded. */
let before = 0;
window.addEventListener('hashchange', () => before++);

/** @returns `results/ID` and `verdict=FAIL` */
export function useAddress(): readonly [path: string, chosen: string] {
  const [path = '', chosen = ''] = useSyncExternalStore(onHash, () => location.hash.slice(2)).split('?');
  return [path, chosen];
}

/** Says what is chosen on this page now: empty values are left out. @param isStep whether `back` leads to what was chosen before */
export function choose(chosen: Readonly<Record<string, string>>, isStep: boolean): void {
  const [path = ''] = location.hash.split('?');
  const said = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value !== '')).toString();
  const hash = `${path}${said === '' ? '' : `?${said}`}`;
  if (isStep) location.hash = hash;
  else location.replace(hash);
}

/** To where the reader came from; to `page` where that was not a page of Loupe. */
export function goBack(page: string): void {
  if (before > 0) history.back();
  else location.hash = `#/${page}`;
}

/** What pages showed when they were left, by the entry of the history. */
const left = new Map<string, unknown>();
const MAX_LEFT = 5;
let entries = 0;

/** Names this entry of the history: whoever comes back to it finds the same name. */
export function entryName(): string {
  const { entry } = (history.state ?? {}) as { readonly entry?: string };
  if (entry !== undefined) return entry;
  const named = `${performance.timeOrigin} ${entries++}`;
  history.replaceState({ entry: named }, '');
  return named;
}

/** Keeps what a page showed at an entry of the history, for whoever comes back to it before the page is loaded anew. */
export function keepAt(entry: string, shown: unknown): void {
  left.delete(entry);
  left.set(entry, shown);
  const [oldest] = left.keys();
  if (left.size > MAX_LEFT && oldest !== undefined) left.delete(oldest);
}

/** What `keepAt` was given here; undefined where one comes for the first time. */
export const keptHere = () => left.get(entryName());

function onHash(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}
