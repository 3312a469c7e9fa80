/**
 * A worker thread that answers calls, seen from the main thread.
 *
 *   ask() ask() ask() --one message per turn of the loop--> thread
 *         promises    <-----notices, then answers---------- thread
 */

import { Worker, type TransferListItem } from 'node:worker_threads';
import { builtEntry } from '../built-entry.ts';
import type { Call, Calls, FromThread, ToThread } from './protocol.ts';

/** The thread ended, or was never there, before it could answer. */
export class ThreadGoneError extends Error {
  override readonly name = 'ThreadGoneError';
}

export interface ThreadListener<Notice> {
  noticed(notice: Notice): void;
  /** It ended without having been asked to. All open calls have been rejected. */
  died(detail: string): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Outgoing {
  readonly call: Call;
  readonly transfer: readonly TransferListItem[];
}

export class Thread<C extends Calls, Notice> {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly gone: Promise<void>;
  private outgoing: Outgoing[] = [];
  private nextId = 1;
  private isClosing = false;
  private hasEnded = false;

  /** @param entry file name without its extension of a module beside this one */
  constructor(entry: string, data: unknown, listener: ThreadListener<Notice>) {
    this.worker = new Worker(builtEntry(import.meta.url, entry), { workerData: data, execArgv: [] });
    let cause: string | undefined;
    this.worker.on('error', (error: unknown) => {
      cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.worker.on('message', ({ notices, replies }: FromThread<Notice>) => {
      for (const notice of notices) listener.noticed(notice);
      for (const reply of replies) {
        const waiting = this.waiting.get(reply.id);
        this.waiting.delete(reply.id);
        if ('error' in reply) waiting?.reject(new Error(reply.error));
        else waiting?.resolve(reply.value);
      }
    });
    this.gone = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        this.hasEnded = true;
        const detail = cause ?? `exit status ${code}`;
        for (const waiting of this.waiting.values()) waiting.reject(new ThreadGoneError(`${entry} ended: ${detail}`));
        this.waiting.clear();
        if (!this.isClosing) listener.died(detail);
        resolve();
      });
    });
  }

  /** Calls that were not answered yet. */
  get pending(): number {
    return this.waiting.size;
  }

  /** @throws ThreadGoneError where the thread ends first, Error with the thread's own message where the call fails */
  ask<K extends keyof C & string>(
    name: K,
    args: C[K]['args'],
    transfer: readonly TransferListItem[] = [],
  ): Promise<C[K]['reply']> {
    if (this.hasEnded || this.isClosing) return Promise.reject(new ThreadGoneError('the thread has ended'));
    const id = this.nextId++;
    const answer = new Promise<C[K]['reply']>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
    this.outgoing.push({ call: { id, name, args }, transfer });
    if (this.outgoing.length === 1) queueMicrotask(() => this.flush());
    return answer;
  }

  /** Lets the thread finish what it was asked and waits until it ended. */
  async close(): Promise<void> {
    if (!this.isClosing && !this.hasEnded) {
      this.flush();
      this.isClosing = true;
      this.worker.postMessage({ kind: 'close' } satisfies ToThread);
    }
    await this.gone;
  }

  private flush(): void {
    const batch = this.outgoing;
    this.outgoing = [];
    if (batch.length === 0 || this.hasEnded) return;
    try {
      this.post(batch);
    } catch (error) {
      // One call holds something that cannot cross to a thread: that one fails, not its neighbours.
      if (batch.length === 1) this.rejectAll(batch, error);
      else for (const one of batch) this.tryPost(one);
    }
  }

  private tryPost(one: Outgoing): void {
    try {
      this.post([one]);
    } catch (error) {
      this.rejectAll([one], error);
    }
  }

  private post(batch: readonly Outgoing[]): void {
    const message: ToThread = { kind: 'calls', calls: batch.map(({ call }) => call) };
    this.worker.postMessage(
      message,
      batch.flatMap(({ transfer }) => transfer),
    );
  }

  private rejectAll(batch: readonly Outgoing[], error: unknown): void {
    for (const { call } of batch) {
      this.waiting.get(call.id)?.reject(error instanceof Error ? error : new Error(String(error)));
      this.waiting.delete(call.id);
    }
  }
}
