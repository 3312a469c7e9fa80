/** The journal of activations, `<store>/activations.jsonl`: what the service goes by at its next start. */

import path from 'node:path';
import { z } from 'zod';
import { type Activation, type ModelVersion, sameModel } from '../frame/models.ts';
import { Journal, lineFields, modelVersion } from './journal.ts';

const line = z.strictObject({
  schema: z.literal('loupe.activation/1'),
  ...lineFields,
  kind: z.enum(['first_start', 'activate', 'rollback']),
  recipe: z.string().min(1),
  /** The model the recipe named in the configuration: where that changes, the configuration counts again. */
  configured_model: z.string().min(1),
  from: modelVersion.nullable(),
  to: modelVersion,
});

export interface JournalEntry extends Activation {
  readonly configuredModel: string;
}

export type NewEntry = Omit<JournalEntry, 'seq'>;

export class ActivationJournal {
  private readonly journal: Journal<typeof line>;

  /** @param store the folder of the ledger */
  constructor(store: string) {
    this.journal = new Journal(path.join(store, 'activations.jsonl'), line);
  }

  /**
   * Oldest first; none where there is no journal. A last line that a crash cut short never counted and is left out.
   * @throws JournalDamagedError where a line is damaged or the chain is broken
   */
  async read(): Promise<readonly JournalEntry[]> {
    const lines = await this.journal.read();
    return lines.map(({ seq, at, by, kind, recipe, configured_model: configuredModel, from, to }) => ({
      seq,
      at,
      by,
      kind,
      recipe,
      configuredModel,
      from,
      to,
    }));
  }

  /** Durable when it resolves. */
  async append(entries: readonly NewEntry[]): Promise<readonly JournalEntry[]> {
    const numbers = await this.journal.append(
      entries.map(({ at, by, kind, recipe, configuredModel, from, to }) => ({
        schema: 'loupe.activation/1',
        at: new Date(at).toISOString(),
        by,
        kind,
        recipe,
        configured_model: configuredModel,
        from: from === null ? null : bare(from),
        to: bare(to),
      })),
    );
    return entries.map((entry, i) => ({ ...entry, seq: numbers[i] ?? 0 }));
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

/**
 * What decided before the model that does now: activations put one on top, a rollback takes it off again. One that was there
 * already, activated for other recipes with it, is no step.
 */
export function formerOf(
  entries: readonly JournalEntry[],
  recipe: string,
  configuredModel: string,
): ModelVersion | undefined {
  const stack: ModelVersion[] = [];
  for (const entry of entries) {
    if (entry.recipe !== recipe || entry.configuredModel !== configuredModel) continue;
    if (entry.kind === 'rollback') stack.pop();
    else if (!sameModel(stack.at(-1), entry.to)) stack.push(entry.to);
  }
  return stack.at(-2);
}

const bare = ({ name, version, sha256 }: ModelVersion) => ({ name, version, sha256 });
