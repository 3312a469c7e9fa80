/**
 * A journal of the store: one line of JSON per change, each with the hash of the line before it, synced before the change
 * takes effect. It is read before the ledger is opened. (docs/decisions/0020-activations-in-a-journal.md)
 */

import { createHash } from 'node:crypto';
import { chown, mkdir, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { nullIfMissing } from '../errors.ts';
import { ModelPackageError } from './package.ts';

/** What every line has beside what it says. */
export const lineFields = {
  seq: z.int().min(1),
  at: z.iso.datetime().transform((text) => Date.parse(text)),
  by: z.string(),
  /** SHA-256 of the line before, without its line end; null in the first. */
  previous: z.string().nullable(),
};

export const modelVersion = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A journal with a damaged line: nothing goes by it any more. */
export class JournalDamagedError extends ModelPackageError {
  /** Its name in the store. */
  readonly journal: string;

  constructor(file: string, fault: string) {
    super(file, [fault]);
    this.journal = path.basename(file);
  }
}

type Line = z.ZodType<{ readonly seq: number; readonly previous: string | null }>;

interface Whole<L> {
  readonly lines: readonly L[];
  readonly lastText: string | null;
  /** Where whole lines end. */
  readonly bytes: number;
}

export class Journal<S extends Line> {
  private readonly file: string;
  private readonly line: S;

  constructor(file: string, line: S) {
    this.file = file;
    this.line = line;
  }

  /**
   * Oldest first; none where there is no journal. A last line that a crash cut short never counted and is left out.
   * @throws JournalDamagedError where a line is damaged or the chain is broken
   */
  async read(): Promise<readonly z.output<S>[]> {
    return (await this.whole()).lines;
  }

  /**
   * Durable when it resolves; when it rejects, none of the lines counts.
   * @param lines without `seq` and `previous`, `at` as RFC 3339
   * @returns their numbers
   */
  async append(lines: readonly object[]): Promise<readonly number[]> {
    const { lines: before, lastText, bytes } = await this.whole();
    let previous = lastText === null ? null : hashOf(lastText);
    let seq = before.at(-1)?.seq ?? 0;
    let text = '';
    const numbers = lines.map((line) => {
      seq++;
      const one = JSON.stringify({ ...line, seq, previous });
      text += `${one}\n`;
      previous = hashOf(one);
      return seq;
    });
    await this.write(text, bytes);
    return numbers;
  }

  /** @param at where whole lines end: what a crash left behind is cut off */
  private async write(text: string, at: number): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true });
    const file = await open(this.file, 'a+', 0o600);
    try {
      await file.truncate(at);
      await file.appendFile(text);
      await file.sync();
    } catch (error) {
      // Whoever asked is told that it was not done: no line of it may count at the next start.
      await file.truncate(at).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    if (at > 0) return;
    // A new file is durable only with the folder that names it.
    const folder = await open(path.dirname(this.file), 'r');
    try {
      if (process.getuid?.() === 0) {
        // As SQLite does: written by root while the station stood still, it must be readable for the service that starts next.
        const { uid, gid } = await folder.stat();
        await chown(this.file, uid, gid);
      }
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  private async whole(): Promise<Whole<z.output<S>>> {
    const text = (await readFile(this.file, 'utf8').catch(nullIfMissing)) ?? '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const texts = whole.split('\n').slice(0, -1);
    let previous: string | null = null;
    const lines = texts.map((one, i) => {
      const parsed = this.line.safeParse(jsonOf(one));
      if (!parsed.success || parsed.data.previous !== previous || parsed.data.seq !== i + 1) {
        const why = parsed.success ? 'it does not follow the line before' : (parsed.error.issues[0]?.message ?? '');
        throw new JournalDamagedError(this.file, `line ${i + 1} is damaged or was changed by hand: ${why}`);
      }
      previous = hashOf(one);
      return parsed.data;
    });
    return { lines, lastText: texts.at(-1) ?? null, bytes: Buffer.byteLength(whole) };
  }
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
