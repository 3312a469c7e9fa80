/** Messages that stand in the ledger and are still to be sent, seen from the main thread. */

import type { CameraId } from '../frame/frame.ts';
import type { Delivery } from '../frame/verdict.ts';
import type { OutboxItem, OutboxPage } from './contract.ts';

/** What the outbox needs of the two threads. */
export interface OutboxPorts {
  /** The oldest messages of each camera with an id above the one that `sentUpTo` has for it; at most `limit` of all, the cameras in turn. */
  read(sentUpTo: ReadonlyMap<CameraId, number>, limit: number): Promise<OutboxPage>;
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
  /** Every message of a camera up to here is done: it is not read again while it waits for its removal. */
  private readonly sentUpTo = new Map<CameraId, number>();
  private readonly listeners = new Set<() => void>();
  private reads = 0;
  private removals = 0;
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
   * The oldest messages of each camera that are not done, at most `limit` of all, in the order of their commit; where more wait, no
   * camera has more of them than its share. The same ones again until they are `done`.
   * @throws LoupeError `store_unavailable` where the ledger cannot be read
   */
  async next(limit: number): Promise<readonly OutboxItem[]> {
    const waiting = (await this.waiting(limit)).slice(0, limit);
    for (const item of waiting) if (item.duplicate) this.repeats.delete(repeatKey(item.result.resultId, item));
    return waiting;
  }

  private async waiting(limit: number): Promise<readonly OutboxItem[]> {
    if (!this.mustRead) return this.atHand;
    this.reads += 1;
    try {
      const { additions } = this;
      const { items, isAll } = await this.ports.read(this.sentUpTo, limit);
      // Some may have been done meanwhile.
      const waiting = items.filter((item) => !this.isSent(item));
      this.newest = Math.max(this.newest, items.at(-1)?.id ?? 0);
      if (isAll && additions === this.additions) {
        this.atHand = waiting;
        this.mustRead = false;
      }
      return waiting;
    } finally {
      this.reads -= 1;
    }
  }

  /**
   * These were sent, and with them all earlier ones of the same cameras: never handed out again, and soon taken from the table, once
   * it can be written. Never rejects.
   */
  async done(items: readonly OutboxItem[]): Promise<void> {
    for (const { id, cameraId } of items) {
      this.sent.add(id);
      this.sentUpTo.set(cameraId, Math.max(id, this.sentUpTo.get(cameraId) ?? 0));
    }
    this.atHand = this.atHand.filter((item) => !this.isSent(item));
    // Not waited for: behind a busy writer, whoever sends would stand still.
    if (this.sent.size >= REMOVE_AT && this.removals === 0) void this.removeSent();
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
    this.removals += 1;
    const isRemoved = await this.ports.remove(ids).catch(() => false);
    this.removals -= 1;
    if (!isRemoved) return;
    for (const id of ids) this.sent.delete(id);
    // The answer of a read may still hold some of them.
    if (this.sent.size === 0 && this.reads === 0) this.sentUpTo.clear();
  }

  private isSent({ id, cameraId }: OutboxItem): boolean {
    return id <= (this.sentUpTo.get(cameraId) ?? 0);
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
