import { expect, it } from 'vitest';
import type { ModelPackage } from '../../src/model-repository/package.ts';
import { Packages } from '../../src/proving/packages.ts';

it('a package that is another one, or none, is looked for again the next time; the right one is read once', async () => {
  const there: (string | Error)[] = [new Error('missing'), 'other', 'wanted', 'never'];
  const packages = new Packages(async () => {
    const sha256 = there.shift();
    if (sha256 === undefined || sha256 instanceof Error) throw sha256 ?? new Error('asked once more');
    return { manifest: { sha256 } } as ModelPackage;
  });
  const get = async () => (await packages.get({ name: 'plate', version: '1', sha256: 'wanted' })).manifest.sha256;
  await expect(get()).rejects.toThrow('missing');
  expect([await get(), await get(), await get()]).toEqual(['other', 'wanted', 'wanted']);
});
