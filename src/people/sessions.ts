/** Who is signed in. The cookie holds 256 random bits; here and in the store stands their hash. */

import { createHash, randomBytes } from 'node:crypto';
import type { StoredSession } from '../frame/people.ts';

export interface SessionTimes {
  /** A session ends this long after its last use. An open page uses it every second. Milliseconds. */
  readonly idleMs: number;
  /** A session ends this long after its start, whatever happens. Milliseconds. */
  readonly longestMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Live {
  readonly stored: StoredSession;
  usedAt: number;
}

const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex');

/** A session that does not stand anywhere yet. */
export function newSession(userId: string, startedAt: number): { secret: string; stored: StoredSession } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, stored: { tokenHash: hashOf(secret), userId, startedAt } };
}

export class Sessions {
  private readonly times: SessionTimes;
  private readonly live = new Map<string, Live>();

  constructor(times: SessionTimes) {
    this.times = times;
  }

  get count(): number {
    return this.live.size;
  }

  /** Those that stand in the store now; what is known of their use stays. */
  replace(stored: readonly StoredSession[]): void {
    const standing = new Set(stored.map(({ tokenHash }) => tokenHash));
    this.end([...this.live.keys()].filter((tokenHash) => !standing.has(tokenHash)));
    for (const session of stored) this.add(session);
  }

  /** Changes nothing where it stands already. */
  add(stored: StoredSession): void {
    if (this.live.has(stored.tokenHash)) return;
    this.live.set(stored.tokenHash, { stored, usedAt: this.times.now() });
  }

  /** The session of this secret, counted as used; null where there is none or it has run out. */
  find(secret: string): StoredSession | null {
    const found = this.live.get(hashOf(secret));
    if (found === undefined || this.hasRunOut(found)) return null;
    found.usedAt = this.times.now();
    return found.stored;
  }

  /** Oldest first. */
  hashesOf(userId: string): string[] {
    const own = [...this.live.values()].filter(({ stored }) => stored.userId === userId);
    return own.sort((a, b) => a.stored.startedAt - b.stored.startedAt).map(({ stored }) => stored.tokenHash);
  }

  /** Those that have run out and were not ended yet. */
  runOut(): string[] {
    return [...this.live.values()].filter((one) => this.hasRunOut(one)).map(({ stored }) => stored.tokenHash);
  }

  end(tokenHashes: readonly string[]): void {
    for (const tokenHash of tokenHashes) this.live.delete(tokenHash);
  }

  private hasRunOut({ stored, usedAt }: Live): boolean {
    const now = this.times.now();
    return now - stored.startedAt >= this.times.longestMs || now - usedAt >= this.times.idleMs;
  }
}
