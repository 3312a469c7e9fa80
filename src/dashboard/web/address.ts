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

/** On `popstate` too, which comes before the browser scrolls to where one was: a page that is left still knows its own place. */
function onHash(listener: () => void): () => void {
  for (const event of ['popstate', 'hashchange']) window.addEventListener(event, listener);
  return () => {
    for (const event of ['popstate', 'hashchange']) window.removeEventListener(event, listener);
  };
}
