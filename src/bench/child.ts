/** A child process that answers one request at a time. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { builtEntry } from '../built-entry.ts';

type Reply = { readonly value: unknown } | { readonly error: string };

export class Child<Request extends object> {
  private readonly process: ChildProcess;

  /** @param entry file name without its extension of a module beside this one */
  constructor(entry: string) {
    this.process = fork(fileURLToPath(builtEntry(import.meta.url, entry)), [], { execArgv: [] });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** @throws Error with the child's own message, or when it ends before it answers */
  async ask<T>(request: Request): Promise<T> {
    const ended = new AbortController();
    const gone = once(this.process, 'exit', { signal: ended.signal }).then(([code, signal]): Reply => {
      return { error: `the child process ended with ${signal ?? code}` };
    });
    const answered = once(this.process, 'message', { signal: ended.signal }).then(([reply]) => reply as Reply);
    this.process.send(request);
    const reply = await Promise.race([answered, gone]);
    ended.abort();
    await Promise.allSettled([answered, gone]);
    if ('error' in reply) throw new Error(reply.error);
    return reply.value as T;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }
}

/** The child's side of it. */
export function answerWith(answer: (request: unknown) => Promise<unknown>): void {
  process.on('message', (request) => {
    answer(request).then(
      (value) => process.send?.({ value } satisfies Reply),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
