/** `loupe users`: on a stopped station, at a running one, and what it refuses. */

import { afterEach, describe, expect, it } from 'vitest';
import { firstAdmin, PASSWORD, PageClient, setupCodeOf } from '../support/page-client.ts';
import { emptyFolder, loupe, ServiceProcess, servicesOf, testSettings } from '../support/service-process.ts';

const OTHER = 'another long password';
const start = servicesOf(afterEach);
const users = (args: readonly string[], input = '') => loupe(['users', ...args], {}, input);

async function stoppedStore(): Promise<string> {
  const store = emptyFolder();
  const service = await ServiceProcess.start(testSettings(store));
  await service.end();
  return store;
}

describe('on a station that does not run', () => {
  it('makes the first admin and others, and the service knows them at its next start', async () => {
    const store = await stoppedStore();
    const place = ['--store', store];
    expect((await users(['list', ...place])).stdout).toContain('nobody has an account yet');
    const made = await users(['add', 'Ann', '--role', 'admin', ...place], `${PASSWORD}\n`);
    expect([made.code, made.stderr]).toEqual([0, '']);
    expect((await users(['add', '<b>Bob', '--role', 'viewer', ...place], `${OTHER}\n`)).code).toBe(0);
    expect((await users(['role', '<b>Bob', 'operator', ...place])).code).toBe(0);
    expect((await users(['password', 'Ann', ...place], `${OTHER}\n`)).code).toBe(0);
    const { stdout } = await users(['list', '--json', ...place]);
    expect(JSON.parse(stdout)).toMatchObject([
      { name: '<b>Bob', role: 'operator', isDisabled: false },
      { name: 'Ann', role: 'admin' },
    ]);
    expect(stdout).not.toContain('scrypt');
    const service = await start(testSettings(store));
    expect(setupCodeOf(service)).toBe('');
    expect((await new PageClient(service).signIn('Ann', PASSWORD)).status).toBe(401);
    expect((await new PageClient(service).signIn('Ann', OTHER)).status).toBe(200);
    const audit = JSON.parse((await users(['audit', '--json', ...place])).stdout) as {
      act: string;
      actorKind: string;
    }[];
    expect(audit.filter(({ actorKind }) => actorKind === 'local').map(({ act }) => act)).toEqual([
      'user_change',
      'user_change',
      'user_add',
      'user_add',
    ]);
    expect((await loupe(['verify', '--store', store])).code).toBe(0);
  }, 240_000);

  it('refuses what the page refuses, with a sentence', async () => {
    const store = await stoppedStore();
    const place = ['--store', store];
    const add = (name: string, role: string, password: string) =>
      users(['add', name, '--role', role, ...place], `${password}\n`);
    expect((await add('Ann', 'boss', PASSWORD)).code).toBe(2);
    expect(await add('Ann', 'admin', 'short')).toMatchObject({ code: 1, stderr: expect.stringContaining('10 to 256') });
    expect((await users(['add', 'Ann', '--role', 'admin', ...place])).stderr).toContain(
      'expected a line on standard input',
    );
    expect((await add('Ann', 'admin', PASSWORD)).code).toBe(0);
    expect((await add('ANN', 'viewer', PASSWORD)).stderr).toContain('there is an account of "Ann" already');
    expect((await users(['disable', 'Ann', ...place])).stderr).toContain('last admin');
    expect((await users(['role', 'Eve', 'viewer', ...place])).stderr).toContain('nobody is called "Eve"');
    const nowhere = await users(['add', 'Ann', '--role', 'admin', '--store', emptyFolder()], `${PASSWORD}\n`);
    expect([nowhere.code, nowhere.stderr]).toEqual([69, expect.stringContaining('holds no ledger.db')]);
  }, 240_000);
});

describe('at a station that runs', () => {
  it('leaves its store alone, and asks it as a person or with a token', async () => {
    const store = emptyFolder();
    const token = 'the-secret-token-of-ops';
    const service = await start([
      ...testSettings(store),
      `auth.tokens=[{name: ops, token: ${token}, rights: [admin]}]`,
    ]);
    const http = ['--http', service.addresses.http];
    const inUse = await users(['add', 'Eve', '--role', 'admin', '--store', store], `${PASSWORD}\n`);
    expect([inUse.code, inUse.stderr]).toEqual([69, expect.stringContaining('--http URL')]);
    await firstAdmin(service);
    const asAnn = [...http, '--user', 'ann'];
    expect((await users(['add', 'Bob', '--role', 'operator', ...asAnn], `${PASSWORD}\n${OTHER}\n`)).stderr).toBe('');
    expect(await users(['list', ...asAnn], 'a wrong password\n')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the name or the password is wrong'),
    });
    expect((await users(['disable', 'Bob', ...http, '--token', token])).code).toBe(0);
    expect((await users(['list', ...http, '--user', 'Bob'], `${OTHER}\n`)).code).toBe(1);
    expect((await users(['list', ...http])).code).toBe(1);
    expect((await users(['list', ...asAnn, '--token', token])).code).toBe(2);
    // Reading goes on beside it.
    const shown = (await users(['audit', '--store', store, '--limit', '200'])).stdout;
    expect(shown).toContain('user_change');
    expect(shown).toContain('ops');
    // Nobody stays signed in behind a command.
    expect(shown.match(/sign_out/g)?.length).toBe(1);
    const { stdout } = await loupe(['models', 'list', ...asAnn, '--json'], {}, `${PASSWORD}\n`);
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ name: 'mean-brightness' }));
    // Every command that asks a service does so alike; a person goes before the token of the shell.
    for (const command of [['results'], ['drift'], ['drift', 'baseline'], ['cuts', 'list']]) {
      expect((await loupe([...command, ...http])).code).toBe(1);
      const asked = await loupe([...command, ...asAnn], { LOUPE_TOKEN: 'of another station' }, `${PASSWORD}\n`);
      expect([asked.code, asked.stderr]).toEqual([0, '']);
    }
    expect((await loupe(['drift', 'baseline', ...http], { LOUPE_TOKEN: token })).code).toBe(0);
  }, 240_000);
});
