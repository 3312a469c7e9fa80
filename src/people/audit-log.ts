/** What people do leaves a line: done, refused or failed. */

import { asLoupeError, describeError, LoupeError } from '../errors.ts';
import { type Asker, type AuditEntry, entryOf } from '../frame/people.ts';

export interface AuditLogOptions {
  /** False where it could not be committed. */
  write(entry: AuditEntry): Promise<boolean>;
  /** Why nothing can be written now, or null. */
  whyNotWritable(): string | null;
  /** Milliseconds since 1970. */
  now(): number;
  /** A line is missing: the disk failed after the act. */
  onLost(entry: AuditEntry): void;
}

export class AuditLog {
  private readonly options: AuditLogOptions;

  constructor(options: AuditLogOptions) {
    this.options = options;
  }

  /** Never rejects: what happened has happened, and a line that cannot be written is reported. */
  async note(entry: AuditEntry): Promise<void> {
    const isWritten = await this.options.write(entry).catch(() => false);
    if (!isWritten) this.options.onLost(entry);
  }

  /**
   * Does `work`, and notes what came of it before anyone hears of it.
   * @param about what it was done to; told what `work` gave, null where it gave nothing
   * @throws LoupeError store_unavailable, with nothing done, where the line could not be written; what `work` throws
   */
  async during<T>(by: Asker, act: string, about: (done: T | null) => string, work: () => Promise<T>): Promise<T> {
    const why = this.options.whyNotWritable();
    if (why !== null) throw new LoupeError('store_unavailable', `nothing was done: ${why}`);
    try {
      const value = await work();
      await this.note(entryOf(by, this.options.now(), act, about(value)));
      return value;
    } catch (error) {
      const { code, message } = asLoupeError(error);
      const outcome = describeError(code).http >= 500 ? 'failed' : 'refused';
      const end = { outcome, detail: `${code}: ${message}`.slice(0, 500) } as const;
      await this.note(entryOf(by, this.options.now(), act, about(null), end));
      throw error;
    }
  }
}
