import { appendFile, chown, type FileHandle, mkdtemp, open, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ActivationJournal, currentOf, formerOf, type NewEntry } from '../../src/model-repository/activations.ts';

let store = '';
let journal: ActivationJournal;
beforeEach(async () => {
  store = await mkdtemp(path.join(tmpdir(), 'loupe-journal-'));
  journal = new ActivationJournal(store);
});

const model = (version: string, name = 'plate') => ({ name, version, sha256: version.repeat(64).slice(0, 64) });

function entry(version: string, over: Partial<NewEntry> = {}): NewEntry {
  const to = model(version);
  return {
    at: 1_790_000_000_000,
    by: 'ann',
    kind: 'activate',
    recipe: 'default',
    configuredModel: 'plate',
    from: null,
    to,
    ...over,
  };
}

describe('the journal of activations', () => {
  it('is empty where there is none, and gives back what was appended, in order', async () => {
    expect(await journal.read()).toEqual([]);
    await journal.append([entry('1', { kind: 'first_start', by: 'service' })]);
    const [added] = await journal.append([entry('2', { from: model('1') })]);
    expect(added?.seq).toBe(2);
    expect(await new ActivationJournal(store).read()).toEqual([
      { ...entry('1', { kind: 'first_start', by: 'service' }), seq: 1 },
      { ...entry('2', { from: model('1') }), seq: 2 },
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)('belongs to whom the store belongs to, also where root begins it', async () => {
    await chown(store, 10_001, 10_002);
    await journal.append([entry('1')]);
    expect(await stat(path.join(store, 'activations.jsonl'))).toMatchObject({ uid: 10_001, gid: 10_002 });
  });

  it('leaves out a last line that a crash cut short, and goes on behind the line before it', async () => {
    await journal.append([entry('1')]);
    await appendFile(path.join(store, 'activations.jsonl'), '{"schema":"loupe.activ');
    expect(await journal.read()).toHaveLength(1);
    await journal.append([entry('2')]);
    expect((await journal.read()).map(({ to }) => to.version)).toEqual(['1', '2']);
  });

  it('keeps no line that the disk did not take: what was refused does not count at the next start', async () => {
    await journal.append([entry('1')]);
    const handle = await open(path.join(store, 'activations.jsonl'));
    const sync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'sync').mockRejectedValueOnce(new Error('EIO'));
    await handle.close();
    await expect(journal.append([entry('2'), entry('2', { recipe: 'other' })])).rejects.toThrow('EIO');
    sync.mockRestore();
    expect((await journal.read()).map(({ to }) => to.version)).toEqual(['1']);
    await journal.append([entry('3')]);
    expect((await journal.read()).map(({ to }) => to.version)).toEqual(['1', '3']);
  });

  it('is refused when a line was changed or taken away', async () => {
    await journal.append([entry('1'), entry('2'), entry('3')]);
    const file = path.join(store, 'activations.jsonl');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"by":"ann"', '"by":"bob"'));
    await expect(journal.read()).rejects.toThrow(/line 2 is damaged or was changed by hand/);
    const [first = '', , third = ''] = text.split('\n');
    await writeFile(file, `${first}\n${third}\n`);
    await expect(journal.read()).rejects.toThrow(/line 2 .* does not follow the line before/);
    await writeFile(file, 'nonsense\n');
    await expect(journal.read()).rejects.toThrow(/line 1 is damaged/);
  });

  it('says what decides now, until the configuration names another model', async () => {
    await journal.append([entry('1'), entry('2'), entry('9', { recipe: 'other' })]);
    const entries = await journal.read();
    expect(currentOf(entries, 'default', 'plate')?.to).toEqual(model('2'));
    expect(currentOf(entries, 'default', 'flange')).toBeUndefined();
    expect(currentOf(entries, 'third', 'plate')).toBeUndefined();
  });

  it('goes back step by step, and no further than the first', async () => {
    await journal.append([entry('1', { kind: 'first_start' }), entry('2'), entry('3')]);
    expect(formerOf(await journal.read(), 'default', 'plate')).toEqual(model('2'));
    await journal.append([entry('2', { kind: 'rollback' })]);
    expect(formerOf(await journal.read(), 'default', 'plate')).toEqual(model('1'));
    await journal.append([entry('1', { kind: 'rollback' })]);
    expect(formerOf(await journal.read(), 'default', 'plate')).toBeUndefined();
    await journal.append([entry('4')]);
    expect(formerOf(await journal.read(), 'default', 'plate')).toEqual(model('1'));
  });

  it('goes back to another model also where the one at work was activated again, for all recipes', async () => {
    await journal.append([entry('1', { kind: 'first_start' }), entry('1', { kind: 'first_start', recipe: 'other' })]);
    await journal.append([entry('2')]);
    await journal.append([entry('2', { from: model('2') }), entry('2', { recipe: 'other' })]);
    const entries = await journal.read();
    expect(formerOf(entries, 'default', 'plate')).toEqual(model('1'));
    expect(formerOf(entries, 'other', 'plate')).toEqual(model('1'));
  });
});
