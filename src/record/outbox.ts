/** Messages that stand in the ledger and are still to be sent, seen from the main thread. */

import type { OutboxItem } from './contract.ts';

/** What the outbox needs of the two threads. */
export interface OutboxPorts {
  /** The oldest `limit` messages of the table. */
  read(limit: number): Promise<readonly OutboxItem[]>;
  /** False where it could not be committed now. */
  remove(ids: readonly number[]): Promise<boolean>;
  /** Null where it could not be committed now. */
  removeOlderThan(ms: number): Promise<number | null>;
  /** The table as of the last commit. */
  depth(): { readonly items: number; readonly oldestAt: number | null };
}

export class Outbox {
  private readonly ports: OutboxPorts;
  /** Sent, and not yet taken from the table: never handed out again. */
  private readonly sent = new Set<number>();
  /** Taken from the table while a read was under way, whose answer may still hold them. */
  private readonly removedDuringRead = new Set<number>();
  private readonly listeners = new Set<() => void>();
  private reads = 0;

  constructor(ports: OutboxPorts) {
    this.ports = ports;
  }

  /**
   * The oldest messages that are not done, at most `limit`, in the order of their commit. The same ones again until
   * they are `done`.
   * @throws LoupeError `store_unavailable` where the ledger cannot be read
   */
  async next(limit: number): Promise<readonly OutboxItem[]> {
    this.reads += 1;
    try {
      const items = await this.ports.read(limit + this.sent.size);
      return items.filter(({ id }) => !this.sent.has(id) && !this.removedDuringRead.has(id)).slice(0, limit);
    } finally {
      this.reads -= 1;
      if (this.reads === 0) this.removedDuringRead.clear();
    }
  }

  /** Takes sent messages out. While the store cannot be written they are remembered and taken out later. Never rejects. */
  async done(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.sent.add(id);
    await this.removeSent();
  }

  /** Drops messages that waited longer than `olderThanMs`; returns how many. 0 while the store cannot be written. */
  async drop({ olderThanMs }: { readonly olderThanMs: number }): Promise<number> {
    return (await this.ports.removeOlderThan(olderThanMs)) ?? 0;
  }

  /** How many messages wait, and since when the oldest of them does (milliseconds since 1970). */
  depth(): { readonly items: number; readonly oldestAt: number | null } {
    const { items, oldestAt } = this.ports.depth();
    const left = Math.max(0, items - this.sent.size);
    return { items: left, oldestAt: left === 0 ? null : oldestAt };
  }

  /** Calls `listener` after each commit that added messages; returns how to stop. */
  onAdded(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** @internal The ledger's: messages were committed. */
  added(): void {
    for (const listener of this.listeners) listener();
  }

  /** @internal The ledger's: the store can be written again. */
  async removeSent(): Promise<void> {
    const ids = [...this.sent];
    if (ids.length === 0) return;
    const isRemoved = await this.ports.remove(ids).catch(() => false);
    if (!isRemoved) return;
    for (const id of ids) {
      if (this.reads > 0) this.removedDuringRead.add(id);
      this.sent.delete(id);
    }
  }
}
