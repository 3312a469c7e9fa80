import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectPlaceFor } from '../../src/commands/place.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'loupe-place-'));
const file = path.join(folder, 'file');
writeFileSync(file, '');

describe('a place to write to', () => {
  it('is a new name or a file in a folder that is there', async () => {
    await expectPlaceFor('--report', path.join(folder, 'report.html'));
    await expectPlaceFor('--report', file);
    await expectPlaceFor('--report', undefined);
  });

  it('may have folders above it that are made with it', async () => {
    await expectPlaceFor('--out', path.join(folder, 'models', 'gasket', '1'), true);
  });

  it.each([
    ['a folder that is not there', path.join(folder, 'nowhere', 'report.html'), false, 'ENOENT'],
    ['a folder', folder, false, 'is a folder'],
    ['something below a file', path.join(file, 'gasket', '1'), true, 'is no folder'],
  ])('is not %s', async (_, place, makesFolders, why) => {
    const refused = expect(expectPlaceFor('--out', place, makesFolders)).rejects;
    await refused.toThrow(`--out ${place}: expected a place that can be written: `);
    await refused.toThrow(why);
  });
});
