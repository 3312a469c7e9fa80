import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type CutEntry,
  CutJournal,
  type NewCutEntry,
  overtakenEntries,
  standingChanges,
} from '../../src/model-repository/cut-journal.ts';

let store = '';
let journal: CutJournal;
beforeEach(async () => {
  store = await mkdtemp(path.join(tmpdir(), 'loupe-cuts-'));
  journal = new CutJournal(store);
});

const model = (version: string) => ({ name: 'plate', version, sha256: version.repeat(64).slice(0, 64) });
const cutsOf = (passBelow: number, failAbove = 0.9) => ({ passBelow, failAbove });

const entry = (to: number, over: Partial<NewCutEntry> = {}): NewCutEntry => ({
  at: 1_790_000_000_000,
  by: 'ann',
  kind: 'set',
  recipe: 'default',
  model: model('1'),
  configured: null,
  from: cutsOf(0.5),
  to: cutsOf(to),
  reason: 'rim',
  ...over,
});

const numbered = (...entries: NewCutEntry[]): CutEntry[] => entries.map((one, i) => ({ ...one, seq: i + 1 }));
const inForce = (entries: readonly CutEntry[], version = '1', configured: ReturnType<typeof cutsOf> | null = null) =>
  standingChanges(entries, 'default', model(version), configured).at(-1)?.to ?? null;

describe('the journal of cuts', () => {
  it('gives back what was appended, and refuses a line that was changed by hand', async () => {
    await journal.append([entry(0.1)]);
    const [second] = await journal.append([entry(0.2, { configured: cutsOf(0.3), to: null })]);
    expect(second?.seq).toBe(2);
    expect(await new CutJournal(store).read()).toEqual(
      numbered(entry(0.1), entry(0.2, { configured: cutsOf(0.3), to: null })),
    );
    const file = path.join(store, 'cuts.jsonl');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"pass_below":0.1', '"pass_below":0.11'));
    await expect(journal.read()).rejects.toThrow('line 2 is damaged or was changed by hand');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"pass_below":0.11', '"pass_below":0.95'));
    await expect(journal.read()).rejects.toThrow('expected 0 <= pass_below <= fail_above <= 1');
  });
});

describe('the cuts in force', () => {
  it('are those set last; a revert takes one change off, down to none', () => {
    const revert = entry(0.1, { kind: 'revert' });
    const [a, b] = [entry(0.1), entry(0.2)];
    expect(inForce(numbered(a, b))).toEqual(cutsOf(0.2));
    expect(inForce(numbered(a, b, revert))).toEqual(cutsOf(0.1));
    expect(inForce(numbered(a, b, revert, revert))).toBeNull();
    expect(inForce(numbered(a, b, revert, entry(0.3)))).toEqual(cutsOf(0.3));
  });

  it('belong to one model, recipe and configuration', () => {
    const entries = numbered(entry(0.1), entry(0.2, { model: model('2') }), entry(0.3, { recipe: 'other' }));
    expect(inForce(entries)).toEqual(cutsOf(0.1));
    expect(inForce(entries, '2')).toEqual(cutsOf(0.2));
    expect(inForce(entries, '3')).toBeNull();
    expect(standingChanges(entries, 'default', { ...model('1'), sha256: 'f'.repeat(64) }, null)).toEqual([]);
    expect(inForce(entries, '1', cutsOf(0.4))).toBeNull();
  });

  it('stay overtaken by the configuration once that is noted, though it is changed back', () => {
    const before = numbered(entry(0.1), entry(0.2, { model: model('2') }), entry(0.2, { recipe: 'gone' }));
    const changed = new Map([['default', cutsOf(0.4)]]);
    const noted = overtakenEntries(before, changed, 5);
    expect(noted).toMatchObject([
      { kind: 'configuration', by: 'service', at: 5, model: { version: '1' }, from: cutsOf(0.1), to: cutsOf(0.4) },
      { kind: 'configuration', model: { version: '2' }, from: cutsOf(0.2), to: cutsOf(0.4) },
    ]);
    const after = numbered(...before, ...noted);
    expect(overtakenEntries(after, changed, 6)).toEqual([]);
    expect(overtakenEntries(after, new Map([['default', null]]), 6)).toEqual([]);
    expect(inForce(after)).toBeNull();
    expect(inForce(after, '1', cutsOf(0.4))).toBeNull();
  });
});
