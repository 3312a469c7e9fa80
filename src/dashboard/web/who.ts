/** Who sits before this page, and what they may do. The buttons follow it; the service decides. */

import { useSyncExternalStore } from 'react';
import type { Right } from '../../frame/people.ts';
import type { WhoJson } from '../people-routes.ts';
import { ApiError, postJson, request, STRANGER } from './api.ts';
import { reconnect } from './live.ts';
import { forgetAll } from './remembered.ts';
import { changeSettings } from './settings.ts';

export type Who = WhoJson;

/** Null until the service has said so. */
let who: Who | null = null;
/** Who signed in here last and has not signed out: what is typed here is theirs, though their session has ended. */
let owner: string | null = null;
let sitting = 0;
const listeners = new Set<() => void>();
/** How soon the service is asked again while it cannot read its accounts, as in its first moments. */
const AGAIN_MS = 1000;
let again: ReturnType<typeof setTimeout> | undefined;
window.addEventListener(STRANGER, () => void refreshWho());
// Another tab may have signed somebody in or out.
window.addEventListener('focus', () => {
  const before = JSON.stringify(who);
  void refreshWho().then(() => JSON.stringify(who) !== before && reconnect());
});

export function useWho(): Who | null {
  return useSyncExternalStore(subscribe, () => who);
}

/** Whose session has ended without a sign-out; null: nobody's. */
export function useLapsed(): string | null {
  return useSyncExternalStore(subscribe, () => (who?.kind === 'anonymous' ? owner : null));
}

/** Another one where somebody else sits here now, or will: nothing typed by the one before is theirs. */
export function useSitting(): number {
  return useSyncExternalStore(subscribe, () => sitting);
}

/** Whether the one who sits here may do what needs `right`. */
export function useMay(right: Right): boolean {
  return useWho()?.rights.includes(right) ?? false;
}

/** Whether the service knows who sits here: then nobody types a name. */
export function useIsKnown(): boolean {
  const kind = useWho()?.kind;
  return kind === 'session' || kind === 'token';
}

/** Asks the service again. A page that cannot reach it keeps what it knew. */
export async function refreshWho(): Promise<void> {
  const mightNotRead = () => who?.rights.includes('read') === false;
  let wasShut = false;
  try {
    const now = (await (await request('/api/v1/session')).json()) as Who;
    wasShut = mightNotRead();
    who = now;
  } catch {
    return;
  }
  clearTimeout(again);
  if (who.accounts === 'unknown') again = setTimeout(() => void refreshWho(), AGAIN_MS);
  if (who.kind === 'session' || who.kind === 'token') {
    if (owner !== null && owner !== who.name) begin();
    owner = who.name;
  }
  for (const listener of listeners) listener();
  // The live line ended when it was refused, and nobody else begins it again.
  if (wasShut && !mightNotRead()) reconnect();
}

/** @throws ApiError 401 where name or password is wrong, 429 where one must wait */
export async function signIn(name: string, password: string): Promise<void> {
  changeSettings({ token: '' });
  await postJson('/api/v1/session', { name, password });
  await changed();
}

/** Makes the first admin. @throws ApiError */
export async function setUp(code: string, name: string, password: string): Promise<void> {
  changeSettings({ token: '' });
  await postJson('/api/v1/setup', { code, name, password });
  await changed();
}

/** Of a person or, where one is used, the token. @throws where the service was not reached: whoever signed in still is */
export async function signOut(): Promise<void> {
  changeSettings({ token: '' });
  try {
    if (who?.kind !== 'token') await request('/api/v1/session', { method: 'DELETE' });
  } catch (error) {
    // The session had run out already.
    if (!(error instanceof ApiError)) throw error;
  }
  owner = null;
  begin();
  await changed();
}

/** After anything that changes who sits here. */
export async function changed(): Promise<void> {
  await refreshWho();
  reconnect();
}

function begin(): void {
  sitting++;
  forgetAll();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) void refreshWho();
  listeners.add(listener);
  return () => listeners.delete(listener);
}
