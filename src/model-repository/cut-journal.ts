/**
 * The journal of cuts, `<store>/cuts.jsonl`: every change of a recipe's cuts that a person made while the service ran. Cuts
 * belong to a recipe, the model that scores its frames, and the configuration they were chosen over.
 * (docs/decisions/0030-cuts-in-a-journal.md)
 */

import path from 'node:path';
import { z } from 'zod';
import { type CutChange, faultOfCuts, sameCuts } from '../frame/cuts.ts';
import { type ModelVersion, sameModel } from '../frame/models.ts';
import type { Cuts } from '../frame/verdict.ts';
import { Journal, lineFields, modelVersion } from './journal.ts';

const cuts = z
  .strictObject({ pass_below: z.number(), fail_above: z.number() })
  .transform(({ pass_below: passBelow, fail_above: failAbove }) => ({ passBelow, failAbove }))
  .refine((read) => faultOfCuts(read) === null, { error: 'expected 0 <= pass_below <= fail_above <= 1' });

const line = z.strictObject({
  schema: z.literal('loupe.cuts/1'),
  ...lineFields,
  kind: z.enum(['set', 'revert', 'configuration']),
  recipe: z.string().min(1),
  model: modelVersion,
  /** Cuts of the configuration at that time: where they change, the configuration counts again. */
  configured: cuts.nullable(),
  from: cuts,
  to: cuts.nullable(),
  reason: z.string(),
});

export interface CutEntry extends CutChange {
  readonly configured: Cuts | null;
}

export type NewCutEntry = Omit<CutEntry, 'seq'>;

export class CutJournal {
  private readonly journal: Journal<typeof line>;

  /** @param store the folder of the ledger */
  constructor(store: string) {
    this.journal = new Journal(path.join(store, 'cuts.jsonl'), line);
  }

  /** Oldest first. @throws JournalDamagedError where a line is damaged or the chain is broken */
  async read(): Promise<readonly CutEntry[]> {
    const lines = await this.journal.read();
    return lines.map(({ schema: _schema, previous: _previous, ...entry }) => entry);
  }

  /** Durable when it resolves. */
  async append(entries: readonly NewCutEntry[]): Promise<readonly CutEntry[]> {
    const numbers = await this.journal.append(
      entries.map(({ at, by, kind, recipe, model, configured, from, to, reason }) => ({
        schema: 'loupe.cuts/1',
        at: new Date(at).toISOString(),
        by,
        kind,
        recipe,
        model: { name: model.name, version: model.version, sha256: model.sha256 },
        configured: written(configured),
        from: written(from),
        to: written(to),
        reason,
      })),
    );
    return entries.map((entry, i) => ({ ...entry, seq: numbers[i] ?? 0 }));
  }
}

/**
 * The changes of one recipe under one model that nobody took back, oldest first: `set` puts one on top, `revert` takes it off,
 * and where the cuts of the configuration changed, none of them counts any more.
 */
export function standingChanges(
  entries: readonly CutEntry[],
  recipe: string,
  model: ModelVersion,
  configured: Cuts | null,
): readonly CutEntry[] {
  let stack: CutEntry[] = [];
  let under: Cuts | null = configured;
  for (const entry of entries) {
    if (entry.recipe !== recipe || !sameModel(entry.model, model)) continue;
    if (entry.kind === 'configuration' || !sameCuts(entry.configured, under)) stack = [];
    under = entry.configured;
    if (entry.kind === 'set') stack.push(entry);
    else if (entry.kind === 'revert') stack.pop();
  }
  return sameCuts(under, configured) ? stack : [];
}

/**
 * What the journal has to be told at a start: changes that the configuration has overtaken. From then on they stay overtaken,
 * even where the configuration is changed back.
 * @param configured cuts of the configuration by recipe
 */
export function overtakenEntries(
  entries: readonly CutEntry[],
  configured: ReadonlyMap<string, Cuts | null>,
  now: number,
): NewCutEntry[] {
  const last = new Map<string, CutEntry>();
  for (const entry of entries) last.set(JSON.stringify([entry.recipe, entry.model]), entry);
  const overtaken: NewCutEntry[] = [];
  for (const { recipe, model, configured: under } of last.values()) {
    const nowConfigured = configured.get(recipe);
    if (nowConfigured === undefined || sameCuts(under, nowConfigured)) continue;
    const inForce = standingChanges(entries, recipe, model, under).at(-1);
    if (inForce?.to === undefined || inForce.to === null) continue;
    overtaken.push({
      at: now,
      by: 'service',
      kind: 'configuration',
      recipe,
      model,
      configured: nowConfigured,
      from: inForce.to,
      to: nowConfigured,
      reason: 'the cuts in the configuration were changed',
    });
  }
  return overtaken;
}

function written(read: Cuts | null): object | null {
  return read === null ? null : { pass_below: read.passBelow, fail_above: read.failAbove };
}
