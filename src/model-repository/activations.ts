/**
 * The journal of activations: one line of JSON per change in `<store>/activations.jsonl`, each with the hash of the line
 * before it. It is read before the ledger is opened, and it is what the service goes by at its next start.
 * (docs/decisions/0020-activations-in-a-journal.md)
 */

import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Activation, ModelVersion } from '../frame/models.ts';
import { ModelPackageError } from './package.ts';

const FILE = 'activations.jsonl';

const modelVersion = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const line = z.strictObject({
  schema: z.literal('loupe.activation/1'),
  seq: z.int().min(1),
  at: z.iso.datetime().transform((text) => Date.parse(text)),
  by: z.string(),
  kind: z.enum(['first_start', 'activate', 'rollback']),
  recipe: z.string().min(1),
  /** The model the recipe named in the configuration: where that changes, the configuration counts again. */
  configured_model: z.string().min(1),
  from: modelVersion.nullable(),
  to: modelVersion,
  /** SHA-256 of the line before, without its line end; null in the first. */
  previous: z.string().nullable(),
});

export interface JournalEntry extends Activation {
  readonly configuredModel: string;
}

export type NewEntry = Omit<JournalEntry, 'seq'>;

export class ActivationJournal {
  private readonly file: string;

  /** @param store the folder of the ledger */
  constructor(store: string) {
    this.file = path.join(store, FILE);
  }

  /**
   * Oldest first; none where there is no journal. A last line that a crash cut short never counted and is left out.
   * @throws ModelPackageError where a line is damaged or the chain is broken
   */
  async read(): Promise<readonly JournalEntry[]> {
    return (await this.whole()).entries;
  }

  /** Durable when it resolves. */
  async append(entries: readonly NewEntry[]): Promise<readonly JournalEntry[]> {
    const { entries: before, lastLine, bytes } = await this.whole();
    let previous = lastLine === null ? null : hashOf(lastLine);
    let seq = before.at(-1)?.seq ?? 0;
    const added: JournalEntry[] = [];
    let text = '';
    for (const entry of entries) {
      seq++;
      const { at, by, kind, recipe, configuredModel, from, to } = entry;
      const one = JSON.stringify({
        schema: 'loupe.activation/1',
        seq,
        at: new Date(at).toISOString(),
        by,
        kind,
        recipe,
        configured_model: configuredModel,
        from: from === null ? null : bare(from),
        to: bare(to),
        previous,
      });
      text += `${one}\n`;
      previous = hashOf(one);
      added.push({ ...entry, seq });
    }
    await this.write(text, bytes);
    return added;
  }

  /** @param at where whole lines end: what a crash left behind is cut off */
  private async write(text: string, at: number): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true });
    const file = await open(this.file, 'a+', 0o600);
    try {
      await file.truncate(at);
      await file.appendFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (at > 0) return;
    // A new file is durable only with the folder that names it.
    const folder = await open(path.dirname(this.file), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  private async whole(): Promise<{ entries: JournalEntry[]; lastLine: string | null; bytes: number }> {
    const text = await readFile(this.file, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole.split('\n').slice(0, -1);
    const entries: JournalEntry[] = [];
    let previous: string | null = null;
    for (const [i, one] of lines.entries()) {
      const parsed = line.safeParse(jsonOf(one));
      if (!parsed.success || parsed.data.previous !== previous || parsed.data.seq !== i + 1) {
        const why = parsed.success ? 'it does not follow the line before' : (parsed.error.issues[0]?.message ?? '');
        throw new ModelPackageError(this.file, [`line ${i + 1} is damaged or was changed by hand: ${why}`]);
      }
      const { seq, at, by, kind, recipe, configured_model: configuredModel, from, to } = parsed.data;
      entries.push({ seq, at, by, kind, recipe, configuredModel, from, to });
      previous = hashOf(one);
    }
    return { entries, lastLine: lines.at(-1) ?? null, bytes: Buffer.byteLength(whole) };
  }
}

/** The entry that says what decides for a recipe now; undefined where none does, or the configuration names another model. */
export function currentOf(
  entries: readonly JournalEntry[],
  recipe: string,
  configuredModel: string,
): JournalEntry | undefined {
  const last = entries.findLast((entry) => entry.recipe === recipe);
  return last?.configuredModel === configuredModel ? last : undefined;
}

/** What decided before the model that does now: activations put one on top, a rollback takes it off again. */
export function formerOf(
  entries: readonly JournalEntry[],
  recipe: string,
  configuredModel: string,
): ModelVersion | undefined {
  const stack: ModelVersion[] = [];
  for (const entry of entries) {
    if (entry.recipe !== recipe || entry.configuredModel !== configuredModel) continue;
    if (entry.kind === 'rollback') stack.pop();
    else stack.push(entry.to);
  }
  return stack.at(-2);
}

const bare = ({ name, version, sha256 }: ModelVersion) => ({ name, version, sha256 });

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
