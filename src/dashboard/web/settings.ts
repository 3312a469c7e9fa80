/** What this browser remembers: language, theme, who sits before it, and its token. */

import { useSyncExternalStore } from 'react';

export interface Settings {
  readonly language: 'en' | 'zh';
  readonly theme: 'auto' | 'light' | 'dark';
  readonly reviewer: string;
  /** Empty where the service wants none. */
  readonly token: string;
  /** Whether heat maps are laid over pictures. */
  readonly heatMap: boolean;
  /** Per camera: the result that was acknowledged last. Any other one, of whatever ledger, is open. */
  readonly acknowledged: Readonly<Record<string, string>>;
  /** Per camera: how many had not passed when that was done. */
  readonly acknowledgedCount: Readonly<Record<string, number>>;
  /** What mistakes cost, in the plant's own unit: the workbench weighs cuts by them. */
  readonly costs: { readonly escape: number; readonly falseReject: number; readonly review: number };
}

const KEY = 'loupe.settings';

const DEFAULTS: Settings = {
  language: navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en',
  theme: 'auto',
  reviewer: '',
  token: '',
  heatMap: false,
  acknowledged: {},
  acknowledgedCount: {},
  costs: { escape: 100, falseReject: 10, review: 1 },
};

let current = load();
const listeners = new Set<() => void>();
apply();
// Another tab changed them: what this one knew would overwrite that.
window.addEventListener('storage', ({ key }) => {
  if (key !== KEY) return;
  current = load();
  apply();
  for (const listener of listeners) listener();
});

export function settings(): Settings {
  return current;
}

export function changeSettings(change: Partial<Settings>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A browser that keeps nothing still shows the line.
  }
  apply();
  for (const listener of listeners) listener();
}

export function useSettings(): Settings {
  return useSyncExternalStore(subscribe, settings);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function load(): Settings {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Settings>) };
  } catch {
    return DEFAULTS;
  }
}

function apply(): void {
  document.documentElement.lang = current.language === 'zh' ? 'zh-Hans' : 'en';
  document.documentElement.dataset['theme'] = current.theme;
}
