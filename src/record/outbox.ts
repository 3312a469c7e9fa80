/** Messages that stand in the ledger and are still to be sent, seen from the main thread. */

import type { Delivery } from '../frame/verdict.ts';
import type { OutboxItem } from './contract.ts';

/** What the outbox needs of the two threads. */
export interface OutboxPorts {
  /** The oldest `limit` messages of the table with an id above `after`. */
  read(after: number, limit: number): Promise<readonly OutboxItem[]>;
  /** False where it could not be committed now. */
  remove(ids: readonly number[]): Promise<boolean>;
  /** Null where it could not be committed now. */
  removeOlderThan(ms: number): Promise<number | null>;
  /** The table as of the last commit. */
  depth(): { readonly items: number; readonly oldestAt: number | null };
}

/**
 * A sent message may stay in the table for so long, or until so many have gathered: taking each out by a commit of its own
 * doubled the commits of the ledger. After a kill the ones that stayed are sent once more.
 */
const REMOVE_AFTER_MS = 100;
const REMOVE_AT = 64;
/** Messages kept at hand; more wait in the table alone, as while the broker is away. */
const MAX_AT_HAND = 256;

export class Outbox {
  private readonly ports: OutboxPorts;
  /** Sent, and not yet taken from the table: never handed out again. */
  private readonly sent = new Set<number>();
  /** Taken from the table while a read was under way, whose answer may still hold them. */
  private readonly removedDuringRead = new Set<number>();
  private readonly listeners = new Set<() => void>();
  private reads = 0;
  /** Handed out and not below `floor`, ascending: ids only ever grow with the commits. */
  private readonly handedOut: number[] = [];
  /** Everything up to here is done: no need to read it again while it waits for its removal. */
  private floor = 0;
  private removal: NodeJS.Timeout | undefined;
  /** Every message that is not done, while `mustRead` is false: as long as the broker keeps up, none is read back. */
  private atHand: OutboxItem[] = [];
  /** The table may hold messages that are not at hand. */
  private mustRead = true;
  /** The commits of repeated answers that were not handed out yet, by what they are: somebody who asks again without a pause gets these. */
  private readonly repeats = new Map<string, Promise<boolean>>();
  private additions = 0;
  /** Id of the newest message seen here: a read may bring one before the word of its commit does. */
  private newest = 0;

  constructor(ports: OutboxPorts) {
    this.ports = ports;
  }

  /**
   * The oldest messages that are not done, at most `limit`, in the order of their commit. The same ones again until
   * they are `done`.
   * @throws LoupeError `store_unavailable` where the ledger cannot be read
   */
  async next(limit: number): Promise<readonly OutboxItem[]> {
    const waiting = (await this.waiting(limit)).slice(0, limit);
    for (const { id } of waiting) if (id > (this.handedOut.at(-1) ?? this.floor)) this.handedOut.push(id);
    for (const item of waiting) if (item.duplicate) this.repeats.delete(repeatKey(item.result.resultId, item));
    return waiting;
  }

  private async waiting(limit: number): Promise<readonly OutboxItem[]> {
    if (!this.mustRead) return this.atHand;
    this.reads += 1;
    try {
      const { additions } = this;
      const most = limit + [...this.sent].filter((id) => id > this.floor).length;
      const items = await this.ports.read(this.floor, most);
      const waiting = items.filter(({ id }) => !this.sent.has(id) && !this.removedDuringRead.has(id));
      this.newest = Math.max(this.newest, items.at(-1)?.id ?? 0);
      if (items.length < most && additions === this.additions) {
        this.atHand = waiting;
        this.mustRead = false;
      }
      return waiting;
    } finally {
      this.reads -= 1;
      if (this.reads === 0) this.removedDuringRead.clear();
    }
  }

  /** These were sent: never handed out again, and soon taken from the table, once it can be written. Never rejects. */
  async done(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.sent.add(id);
    this.atHand = this.atHand.filter(({ id }) => !this.sent.has(id));
    while (this.handedOut[0] !== undefined && this.sent.has(this.handedOut[0])) {
      this.floor = this.handedOut.shift() ?? this.floor;
    }
    if (this.sent.size >= REMOVE_AT) await this.removeSent();
    else this.removal ??= setTimeout(() => void this.removeSent(), REMOVE_AFTER_MS);
  }

  /** Drops messages that waited longer than `olderThanMs`; returns how many. 0 while the store cannot be written. */
  async drop({ olderThanMs }: { readonly olderThanMs: number }): Promise<number> {
    const dropped = (await this.ports.removeOlderThan(olderThanMs)) ?? 0;
    if (dropped > 0) {
      this.repeats.clear();
      this.readAgain();
    }
    return dropped;
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

  /**
   * @internal The ledger's: further messages about a result. One that still waits to be handed out is not added again.
   * @param write commits those that are new
   * @returns whether all of them are committed
   */
  async repeat(
    resultId: string,
    deliveries: readonly Delivery[],
    write: (fresh: readonly Delivery[]) => Promise<boolean>,
  ): Promise<boolean> {
    const waiting = deliveries.flatMap((delivery) => this.repeats.get(repeatKey(resultId, delivery)) ?? []);
    const fresh = deliveries.filter((delivery) => !this.repeats.has(repeatKey(resultId, delivery)));
    if (fresh.length > 0) {
      const keys = fresh.map((delivery) => repeatKey(resultId, delivery));
      const forget = () => {
        for (const key of keys) this.repeats.delete(key);
      };
      const written = write(fresh).catch((error: unknown) => {
        forget();
        throw error;
      });
      for (const key of keys) this.repeats.set(key, written);
      waiting.push(written);
      if (await written) this.added([]);
      else forget();
    }
    return (await Promise.all(waiting)).every((isWritten) => isWritten);
  }

  /** @internal The ledger's: messages were committed, `items` where they are known. */
  added(items: readonly OutboxItem[]): void {
    this.additions += 1;
    this.atHand.push(...items.filter(({ id }) => id > this.newest));
    this.newest = Math.max(this.newest, items.at(-1)?.id ?? 0);
    if (items.length === 0 || this.atHand.length > MAX_AT_HAND) this.readAgain();
    for (const listener of this.listeners) listener();
  }

  /** @internal The ledger's: the store can be written again, or is about to be closed. */
  async removeSent(): Promise<void> {
    clearTimeout(this.removal);
    this.removal = undefined;
    const ids = [...this.sent];
    if (ids.length === 0) return;
    const isRemoved = await this.ports.remove(ids).catch(() => false);
    if (!isRemoved) return;
    for (const id of ids) {
      if (this.reads > 0) this.removedDuringRead.add(id);
      this.sent.delete(id);
    }
  }

  private readAgain(): void {
    this.atHand = [];
    this.mustRead = true;
  }
}

function repeatKey(resultId: string, { topic, correlationData }: Delivery): string {
  return JSON.stringify([
    resultId,
    topic,
    correlationData === null ? null : Buffer.from(correlationData).toString('base64'),
  ]);
}
