import { describe, expect, it } from 'vitest';
import { checkNode, checkSqlite } from '../../../src/commands/doctor/machine.ts';

describe('the machine', () => {
  it('has a Node that is new enough, or is told which one to take', () => {
    expect(checkNode('24.1.0').status).toBe('ok');
    expect(checkNode('20.19.0')).toMatchObject({ status: 'warn', advice: expect.stringContaining('24') });
    expect(checkNode('20.18.9')).toMatchObject({ status: 'fail', advice: expect.stringContaining('20.19') });
  });

  it('loads the SQLite binding, or is told to build it for this Node', () => {
    expect(checkSqlite()).toMatchObject({ status: 'ok', found: expect.stringMatching(/^3\.\d+\.\d+$/) });
    const other = () => {
      throw new Error("The module 'better_sqlite3.node'\nwas compiled against a different Node.js version using");
    };
    expect(checkSqlite(other)).toEqual({
      name: 'sqlite',
      status: 'fail',
      found: "The module 'better_sqlite3.node' was compiled against a different Node.js version using",
      advice: `run \`npm rebuild better-sqlite3\` with this Node, ${process.versions.node}`,
    });
  });
});
