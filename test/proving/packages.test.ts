import { describe, expect, it } from 'vitest';
import type { ModelPackage } from '../../src/model-repository/package.ts';
import { Packages } from '../../src/proving/packages.ts';

const packageOf = (sha256: string) => ({ manifest: { sha256 } }) as ModelPackage;

describe('packages', () => {
  it('are read once, the last few of them; a failure is not kept', async () => {
    const asked: string[] = [];
    const packages = new Packages(async (name) => {
      asked.push(name);
      if (name === 'bad') throw new Error('no');
      return packageOf('x');
    });
    const model = (name: string, sha256 = 'x') => ({ name, version: '1', sha256 });
    for (const name of ['a', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'a']) await packages.get(model(name));
    expect(asked.join('')).toBe('abcdefghia');
    await expect(packages.get(model('bad'))).rejects.toThrow('no');
    await expect(packages.get(model('bad'))).rejects.toThrow('no');
    expect(asked.filter((name) => name === 'bad')).toHaveLength(2);
  });

  it('are read again where a result names another file: the version was removed and added anew, or put back', async () => {
    let there = 'old';
    let asked = 0;
    const packages = new Packages(async () => {
      asked++;
      return packageOf(there);
    });
    const get = async (sha256: string) => (await packages.get({ name: 'a', version: '1', sha256 })).manifest.sha256;
    expect([await get('old'), await get('old'), asked]).toEqual(['old', 'old', 1]);
    there = 'new';
    expect([await get('new'), await get('new'), asked]).toEqual(['new', 'new', 2]);
    // What decided is not there: it is looked for each time, and found once it is back.
    expect([await get('older'), await get('older'), asked]).toEqual(['new', 'new', 4]);
    there = 'older';
    expect([await get('older'), await get('older'), asked]).toEqual(['older', 'older', 5]);
  });
});
