/** The journal of shadows, `<store>/shadows.jsonl`: which candidates come back with the service. */

import path from 'node:path';
import { z } from 'zod';
import type { ModelVersion } from '../frame/models.ts';
import { Journal, lineFields, modelVersion } from '../model-repository/journal.ts';

const line = z.strictObject({
  schema: z.literal('loupe.shadow/1'),
  ...lineFields,
  kind: z.enum(['start', 'stop']),
  recipe: z.string().min(1),
  model: modelVersion,
});

export interface ShadowEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly by: string;
  readonly kind: 'start' | 'stop';
  readonly recipe: string;
  readonly model: ModelVersion;
}

export class ShadowJournal {
  private readonly journal: Journal<typeof line>;

  /** @param store the folder of the ledger */
  constructor(store: string) {
    this.journal = new Journal(path.join(store, 'shadows.jsonl'), line);
  }

  /** The entry that started each shadow which was not stopped. @throws ModelPackageError where the journal is damaged */
  async standing(): Promise<readonly ShadowEntry[]> {
    const last = new Map<string, ShadowEntry>();
    for (const { at, by, kind, recipe, model } of await this.journal.read()) {
      last.set(recipe, { at, by, kind, recipe, model });
    }
    return [...last.values()].filter(({ kind }) => kind === 'start');
  }

  /** Durable when it resolves. */
  async append({ at, by, kind, recipe, model: { name, version, sha256 } }: ShadowEntry): Promise<void> {
    const model = { name, version, sha256 };
    await this.journal.append([{ schema: 'loupe.shadow/1', at: new Date(at).toISOString(), by, kind, recipe, model }]);
  }
}
