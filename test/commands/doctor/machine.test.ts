import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDisk, checkLedger, checkMemory, checkNode, checkSqlite } from '../../../src/commands/doctor/machine.ts';
import { openForWriting } from '../../../src/record/database.ts';
import { SCHEMA_VERSION } from '../../../src/record/migrations/index.ts';
import { emptyFolder } from '../../support/service-process.ts';

describe('the machine', () => {
  it('has a Node that is new enough, or is told which one to take', () => {
    expect(checkNode('24.1.0').status).toBe('ok');
    expect(checkNode('20.19.0')).toMatchObject({ status: 'warn', advice: expect.stringContaining('24') });
    expect(checkNode('20.18.9')).toMatchObject({ status: 'fail', advice: expect.stringContaining('20.19') });
  });

  it('loads SQLite, or is told to install it for this Node', () => {
    expect(checkSqlite()).toMatchObject({ status: 'ok', found: expect.stringMatching(/^3\.\d+\.\d+$/) });
    const other = () => {
      throw new Error("The module 'better_sqlite3.node'\nwas compiled against a different Node.js version using");
    };
    const failed = {
      name: 'sqlite',
      status: 'fail',
      found: "The module 'better_sqlite3.node' was compiled against a different Node.js version using",
      advice: `run \`npm ci\` with this Node, ${process.versions.node}`,
    };
    expect(checkSqlite(other, 'better-sqlite3')).toEqual(failed);
    expect(checkSqlite(other, 'better-sqlite3-node20')).toEqual({
      ...failed,
      advice: `${failed.advice}; it needs a C++ toolchain and Python (python3 make g++)`,
    });
  });

  it('has a ledger that this version can take, or is told of it before the service ends at its start', () => {
    const store = emptyFolder();
    expect(checkLedger(store)).toMatchObject({ status: 'ok', found: 'none yet' });
    const { database } = openForWriting(store, 'normal');
    expect(checkLedger(store)).toMatchObject({ status: 'ok', found: `schema ${SCHEMA_VERSION}` });
    database.pragma(`user_version = ${SCHEMA_VERSION - 1}`);
    expect(checkLedger(store).found).toBe(`schema ${SCHEMA_VERSION - 1}, becomes ${SCHEMA_VERSION} at the start`);
    database.pragma('user_version = 99');
    expect(checkLedger(store)).toMatchObject({ status: 'fail', found: expect.stringContaining('has schema 99') });
    database.close();
  });

  it('has memory, as much as the limit of a container leaves', () => {
    expect(checkMemory(512 * 1024 ** 2)).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('0.5 of 0.5 GiB free'),
    });
    // What cgroups of version 1 say where there is no limit.
    expect(checkMemory(2 ** 63 - 4096)).toEqual(checkMemory(0));
  });

  it('has a disk that can be written, and nothing is left on it by the look', async () => {
    const folder = emptyFolder();
    const store = path.join(folder, 'data', 'store');
    expect(await checkDisk(store, 0)).toMatchObject({ found: expect.stringContaining('store, made at the start: ') });
    expect(existsSync(path.dirname(store))).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
    expect((await checkDisk(folder, 2 ** 60)).advice).toContain('images will be deleted');
    writeFileSync(path.join(folder, 'data'), 'a file');
    expect(await checkDisk(store, 0)).toMatchObject({ status: 'fail', found: expect.stringMatching(/ENOTDIR/) });
  });

  it('has a disk that is there tomorrow, or is told so', async () => {
    const passing = mkdtempSync('/dev/shm/loupe-doctor-');
    try {
      const { status, found } = await checkDisk(passing, 0);
      expect(status).toBe('warn');
      expect(found).toContain('on tmpfs, which the next start of the machine empties');
    } finally {
      rmSync(passing, { recursive: true });
    }
  });
});
