/** How often somebody may try: after a few failures each further one is waited for, twice as long as the one before. */

interface Rule {
  /** Attempts without any wait. */
  readonly free: number;
  readonly longestMs: number;
}

interface Tries {
  count: number;
  blockedUntil: number;
  lastAt: number;
}

/** A panel is shared: its address gets more patience than one name. */
const RULES: Readonly<Record<'name' | 'address', Rule>> = {
  name: { free: 5, longestMs: 300_000 },
  address: { free: 20, longestMs: 60_000 },
};
const FIRST_MS = 1000;
const FORGOTTEN_MS = 3_600_000;
const MAX_KEYS = 10_000;

export class AttemptLimits {
  private readonly now: () => number;
  private readonly tries = new Map<string, Tries>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.now = now;
  }

  /**
   * Counts one attempt at `name` from `address` before it is made, so that attempts side by side are no way around. Milliseconds
   * to wait where it must not be made (then it is not counted), 0 where it may.
   */
  begin(name: string, address: string): number {
    const keys = keysOf(name, address);
    const waits = keys.map(({ key }) => (this.tries.get(key)?.blockedUntil ?? 0) - this.now());
    const wait = Math.max(0, ...waits);
    if (wait > 0) return wait;
    for (const { key, rule } of keys) this.count(key, rule);
    return 0;
  }

  /** The attempt was wrong: the wait begins now, however long the attempt took. */
  failed(name: string, address: string): void {
    for (const { key, rule } of keysOf(name, address)) {
      const tries = this.tries.get(key);
      if (tries !== undefined) tries.blockedUntil = this.now() + waitAfter(tries.count, rule);
    }
  }

  /** The attempt was right: the name starts anew, and the address is not charged. */
  succeeded(name: string, address: string): void {
    for (const { key, kind } of keysOf(name, address)) {
      const tries = this.tries.get(key);
      if (tries === undefined) continue;
      tries.count = kind === 'name' ? 0 : tries.count - 1;
      tries.blockedUntil = 0;
      if (tries.count <= 0) this.tries.delete(key);
    }
  }

  private count(key: string, rule: Rule): void {
    const now = this.now();
    const before = this.tries.get(key);
    const count = (before === undefined || now - before.lastAt > FORGOTTEN_MS ? 0 : before.count) + 1;
    // Put last: the one that was tried the longest ago goes first.
    this.tries.delete(key);
    this.tries.set(key, { count, blockedUntil: now + waitAfter(count, rule), lastAt: now });
    const [oldest] = this.tries.keys();
    if (this.tries.size > MAX_KEYS && oldest !== undefined) this.tries.delete(oldest);
  }
}

function waitAfter(count: number, { free, longestMs }: Rule): number {
  return count < free ? 0 : Math.min(longestMs, FIRST_MS * 2 ** Math.min(30, count - free));
}

function keysOf(name: string, address: string) {
  return [
    { kind: 'name', key: `name ${name}`, rule: RULES.name },
    { kind: 'address', key: `address ${networkOf(address)}`, rule: RULES.address },
  ] as const;
}

/** One machine owns a whole /64 of IPv6. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = head.split(':');
  const missing = address.includes('::') ? 8 - groups.length - tail.split(':').filter(Boolean).length : 0;
  return [...groups, ...Array.from({ length: missing }, () => '0')].slice(0, 4).join(':');
}
