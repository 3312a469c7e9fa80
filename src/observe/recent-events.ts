/** The last warnings and errors, for the page that people look at first. */

import type { Level, Log } from './log.ts';

export interface RecentEvent {
  readonly at: string;
  readonly level: Level;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const MAX_EVENTS = 50;

/** Logs to `log`, and remembers what a person should look at. */
export class RecentEvents implements Log {
  private readonly target: Log;
  private readonly now: () => number;
  private readonly events: RecentEvent[] = [];

  /** @param now milliseconds since 1970 */
  constructor(target: Log, now: () => number) {
    this.target = target;
    this.now = now;
  }

  log(level: Level, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.target.log(level, event, fields);
    if (level !== 'warn' && level !== 'error') return;
    const texts = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]));
    this.events.push({ at: new Date(this.now()).toISOString(), level, event, fields: texts });
    if (this.events.length > MAX_EVENTS) this.events.shift();
  }

  /** Newest first. */
  list(): readonly RecentEvent[] {
    return this.events.toReversed();
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === 'object' && value !== null ? JSON.stringify(value).slice(0, 500) : value;
}
