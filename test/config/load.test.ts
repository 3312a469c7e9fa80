import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import { configurationReference } from '../../src/config/reference.ts';
import { readSecrets } from '../../src/config/secrets.ts';

async function fileOf(text: string): Promise<string> {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'loupe-config-')), 'loupe.yaml');
  await writeFile(file, text);
  return file;
}

const load = (file: string | null, env = {}, sets: string[] = []) => loadConfig({ file, env, sets });

async function faultsOf(promise: Promise<unknown>): Promise<Record<string, string>> {
  const error: unknown = await promise.then(
    () => new Error('expected a ConfigError'),
    (error: unknown) => error,
  );
  if (!(error instanceof ConfigError)) throw error;
  return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
}

describe('the configuration', () => {
  it('takes the command line over the environment over the file', async () => {
    const file = await fileOf('grpc: {listen: 127.0.0.1:1}\nhttp: {listen: 127.0.0.1:2}\nsite: a\n');
    const env = { LOUPE_GRPC__LISTEN: '127.0.0.1:3', LOUPE_HTTP__LISTEN: '127.0.0.1:4', PATH: 'x' };
    const config = await load(file, env, ['http.listen=127.0.0.1:5']);
    expect([config.site, config.grpc.listen, config.http.listen]).toEqual(['a', '127.0.0.1:3', '127.0.0.1:5']);
  });

  it('leaves the secrets of the client commands alone', async () => {
    const config = await load(null, { LOUPE_TOKEN: 'of loupe send', LOUPE_MQTT_PASSWORD: 'too', LOUPE_SITE: 'a' });
    expect(config.site).toBe('a');
  });

  it('reports all faults at once, each with its path', async () => {
    const file = await fileOf(
      'grcp: {}\ncameras: [{id: "a b"}, {id: c, recipe: nowhere}]\nstore: {durability: maybe}\n',
    );
    const faults = await faultsOf(load(file, { LOUPE_LOG__LEVEL: 'loud' }, ['limits.pixels=-1', 'nonsense']));
    expect(Object.keys(faults).sort()).toEqual([
      'cameras.0.id',
      'grcp',
      'limits.pixels',
      'log.level',
      'nonsense',
      'store.durability',
    ]);
  });

  it('says what was expected and what came, but no secret', async () => {
    const faults = await faultsOf(
      load(null, { LOUPE_ENGINE__PROVIDER: 'quantum', LOUPE_GRPC_LISTEN: 'a:1' }, [
        'limits.pixels=-1',
        'grpc.listen=nowhere',
        'shutdown_ms=soon',
        'models.paht=x',
        'auth.tokens=[{name: a, token: short}, geheim]',
      ]),
    );
    expect(faults['engine.provider']).toMatch(/expected one of .*"cpu", got "quantum"$/);
    expect(faults['limits.pixels']).toMatch(/expected .*4096, got -1$/);
    expect(faults['grpc.listen']).toBe('expected HOST:PORT, for example 127.0.0.1:8080, got "nowhere"');
    expect(faults['shutdown_ms']).toMatch(/expected number.*, got "soon"$/);
    expect(faults['grpc_listen']).toContain('from LOUPE_GRPC_LISTEN (two underscores between levels)');
    expect(faults['models.paht']).toContain('docs/configuration.md');
    expect(JSON.stringify(faults)).not.toMatch(/short"|geheim/);
  });

  it('checks that the parts fit each other', async () => {
    const faults = await faultsOf(
      load(null, {}, [
        'cameras=[{id: a}, {id: a, recipe: nowhere, queue_bytes: 1048576}]',
        'recipes.default={model: m, pass_below: 0.9, fail_above: 0.1}',
        'recipes.half={model: m, pass_below: 0.9}',
        'engine.batch_sizes=[4, 2]',
        'mqtt.cert_file=x',
      ]),
    );
    expect(Object.keys(faults).sort()).toEqual([
      'cameras.1.id',
      'cameras.1.queue_bytes',
      'cameras.1.recipe',
      'engine.batch_sizes',
      'mqtt',
      'recipes.default',
      'recipes.half',
    ]);
  });

  it('refuses to listen beyond this machine without TLS and credentials, and says how to do it', async () => {
    for (const key of ['grpc', 'http', 'mqtt.embedded']) {
      const faults = await faultsOf(load(null, {}, [`${key}.listen=0.0.0.0:7000`]));
      expect(faults[`${key}.listen`]).toContain('auth.tokens');
      expect(faults[`${key}.listen`]).toContain(`${key}.tls`);
    }
    const token = 'auth.tokens=[{name: line, token: 0123456789abcdefgh}]';
    expect(Object.keys(await faultsOf(load(null, {}, ['grpc.listen=0.0.0.0:7000', token])))).toEqual(['grpc.listen']);
    await load(null, {}, ['grpc.listen=0.0.0.0:7000', token, 'grpc.tls={cert_file: a, key_file: b}']);
    await load(null, {}, ['grpc.listen=0.0.0.0:7000', token, 'grpc.trusted_network=true']);
    await load(null, {}, ['mqtt.embedded.listen=0.0.0.0:7000', 'mqtt.url=mqtt://plant:1883']);
  });

  it('names a file that is missing, is no YAML or holds no mapping', async () => {
    expect((await faultsOf(load('/nowhere/loupe.yaml')))['']).toContain('/nowhere/loupe.yaml');
    expect((await faultsOf(load(await fileOf('a: [1'))))['']).toContain('is no YAML');
    expect((await faultsOf(load(await fileOf('- 1'))))['']).toContain('expected a mapping');
  });

  it('is not that of another station where the file is there and cannot be read', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'loupe-config-'));
    const here = process.cwd();
    process.chdir(folder);
    try {
      expect((await load(null)).site).toBe('site');
      await mkdir(path.join(folder, 'loupe.yaml'));
      expect((await faultsOf(load(null)))['']).toMatch(/^cannot read loupe\.yaml: EISDIR/);
    } finally {
      process.chdir(here);
    }
  });

  it('never reaches into prototypes by its paths', async () => {
    const faults = await faultsOf(load(null, {}, ['__proto__.polluted=1', 'constructor.prototype.polluted=1']));
    expect(Object.keys(faults).length).toBeGreaterThan(0);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('is frozen to the bottom', async () => {
    const config = await load(null);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.store.images)).toBe(true);
  });
});

describe('secrets', () => {
  it('reads every file, or names every one it cannot read', async () => {
    const secret = await fileOf('  0123456789abcdefgh\n');
    const good = await load(null, {}, [`auth.tokens=[{name: line, token_file: ${secret}, rights: [ingest]}]`]);
    expect((await readSecrets(good)).credentials).toEqual([
      { name: 'line', token: '0123456789abcdefgh', rights: ['ingest'] },
    ]);
    const short = await fileOf('short');
    const bad = await load(null, {}, [
      `auth.tokens=[{name: a, token_file: /nowhere}, {name: b, token_file: ${short}}]`,
      'grpc.tls={cert_file: /nowhere, key_file: /nowhere}',
      'mqtt.password_file=/nowhere',
    ]);
    expect(Object.keys(await faultsOf(readSecrets(bad))).sort()).toEqual([
      'auth.tokens.0.token_file',
      'auth.tokens.1.token_file',
      'grpc.tls.cert_file',
      'grpc.tls.key_file',
      'mqtt.password_file',
    ]);
  });

  it('refuses one secret with two sets of rights, and does not show it', async () => {
    const secret = '0123456789abcdefgh';
    const tokens = (more: string) =>
      load(null, {}, [
        `auth.tokens=[{name: line, token: ${secret}, rights: [ingest]}, {name: ops, token: ${secret}, rights: [${more}]}]`,
      ]);
    const faults = await faultsOf(readSecrets(await tokens('admin, ingest')));
    expect(faults['auth.tokens.1']).toContain('"ops" has the secret of "line", and other rights');
    expect(JSON.stringify(faults)).not.toContain(secret);
    // One for a crowd of cameras is what it says.
    expect((await readSecrets(await tokens('ingest'))).credentials).toHaveLength(2);
  });
});

describe('the pages about the configuration', () => {
  const root = new URL('../../', import.meta.url);

  it('the example file parses to exactly the defaults, and names every key', async () => {
    const example = new URL('deploy/loupe.example.yaml', root);
    expect(await load(example.pathname)).toEqual(await load(null));
    const text = await readFile(example, 'utf8');
    for (const key of Object.keys(await load(null))) expect(text).toMatch(new RegExp(`^${key}:`, 'm'));
  });

  it('docs/configuration.md is what the schema says', async () => {
    expect(await readFile(new URL('docs/configuration.md', root), 'utf8')).toBe(configurationReference());
  });
});
