/** deploy/compose.yaml, as far as it goes without Docker: its own loader reads it, its parts fit each other and work together. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { toolAt } from '../faults/support/need.ts';
import { freePort, isOpen } from '../support/ports.ts';
import { emptyFolder, ROOT, ServiceProcess } from '../support/service-process.ts';
import { stagesOf } from './dockerfile.ts';
import { goldenPicture } from '../support/images.ts';

const DEPLOY = path.join(ROOT, 'deploy');
const read = (...names: string[]) => readFileSync(path.join(DEPLOY, ...names), 'utf8');

interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context?: string; readonly target: string };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose = parse(read('compose.yaml')) as Compose;
const cuda = parse(read('compose.cuda.yaml')) as Compose;
const services = Object.values(compose.services);

const composeSpec = toolAt('compose-spec', 'see .ci/run');
const promtool = toolAt('promtool', 'apt install prometheus');
const mosquitto = toolAt('mosquitto', 'apt install mosquitto');
const passwd = toolAt('mosquitto_passwd', 'apt install mosquitto');
const publisher = toolAt('mosquitto_pub', 'apt install mosquitto-clients');
const subscriber = toolAt('mosquitto_sub', 'apt install mosquitto-clients');

/** A copy of nothing but what make-secrets.sh makes. */
function makeSecrets(folder = path.join(emptyFolder(), 'secrets')): string {
  execFileSync(path.join(DEPLOY, 'make-secrets.sh'), [folder], { stdio: 'pipe' });
  return folder;
}

describe('deploy/compose.yaml', () => {
  it.skipIf(composeSpec === null)('is read by the loader of the compose specification, alone and with a GPU', () => {
    for (const files of [['compose.yaml'], ['compose.yaml', 'compose.cuda.yaml']]) {
      const paths = files.map((file) => path.join(DEPLOY, file));
      const text = execFileSync(composeSpec ?? '', paths, { encoding: 'utf8', stdio: 'pipe' });
      const { loupe } = (parse(text) as Compose).services;
      expect(loupe?.build?.target).toBe(files.length === 1 ? 'cpu' : 'cuda');
    }
    const broken = path.join(emptyFolder(), 'compose.yaml');
    writeFileSync(broken, read('compose.yaml').replace('restart:', 'restrat:'));
    expect(() => execFileSync(composeSpec ?? '', [broken], { stdio: 'pipe' })).toThrow(/restrat/);
  });

  it('builds targets that the Dockerfile has', () => {
    const targets = [compose, cuda].flatMap(({ services: all }) =>
      Object.values(all).flatMap(({ build }) => build ?? []),
    );
    const stages = stagesOf(readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8')).map(({ name }) => name);
    expect(targets.map(({ target }) => target)).toEqual(['cpu', 'cuda']);
    for (const { target } of targets) expect(stages).toContain(target);
  });

  it('pins every image, publishes on this machine only and mounts files that are there', () => {
    for (const { image, ports = [], volumes = [] } of services) {
      expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const volume of volumes.filter((text) => text.startsWith('.'))) {
        expect(existsSync(path.join(DEPLOY, volume.split(':')[0] ?? '')), volume).toBe(true);
      }
    }
  });

  it.skipIf(passwd === null)('has no default password: each secret is a file that make-secrets.sh makes', () => {
    const folder = makeSecrets();
    const made = readdirSync(folder).map((name) => `./secrets/${name}`);
    expect(
      Object.values(compose.secrets)
        .map(({ file }) => file)
        .sort(),
    ).toEqual(made.sort());
    for (const name of services.flatMap(({ secrets = [] }) => secrets)) expect(compose.secrets).toHaveProperty(name);
    for (const { environment = {} } of services) {
      for (const [key, value] of Object.entries(environment)) {
        if (/PASSWORD|TOKEN|SECRET/.test(key)) expect(value).toMatch(/^\/run\/secrets\//);
      }
    }
    expect(statSync(folder).mode & 0o077).toBe(0);
    const before = new Map(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
    expect(new Set(before.values()).size).toBe(before.size);
    makeSecrets(folder);
    expect(readFileSync(path.join(folder, 'line.txt'), 'utf8')).toBe(before.get('line.txt'));
    expect(before.get('mosquitto-passwords.txt')).toMatch(/^loupe:\$7\$.*\nline:\$7\$/);
  });

  it('gives Loupe the secrets that its configuration reads, and nothing it does not', async () => {
    const config = await loadConfig({ file: path.join(DEPLOY, 'loupe.compose.yaml'), env: {}, sets: [] });
    const files = [config.mqtt.password_file, ...config.auth.tokens.map(({ token_file: file }) => file)];
    const given = (compose.services['loupe']?.secrets ?? []).map((name) => `/run/secrets/${name}`);
    expect(new Set(files)).toEqual(new Set(given));
  });

  it.skipIf(promtool === null)('promtool takes the Prometheus configuration, with the rules beside it', () => {
    const folder = emptyFolder();
    writeFileSync(path.join(folder, 'token'), 'x');
    writeFileSync(path.join(folder, 'rules.yml'), read('prometheus', 'rules.yml'));
    const file = path.join(folder, 'prometheus.yml');
    writeFileSync(file, read('prometheus', 'prometheus.yml').replace('/run/secrets/prometheus', `${folder}/token`));
    expect(execFileSync(promtool ?? '', ['check', 'config', file], { encoding: 'utf8', stdio: 'pipe' })).toMatch(
      /1 rule files found[^]*SUCCESS/,
    );
  });
});

describe.skipIf(mosquitto === null || passwd === null || publisher === null || subscriber === null)(
  'Loupe and Mosquitto with the configurations of deploy/',
  () => {
    it('take a frame by name and password and bring its result; who has none, or another right, gets nowhere', async () => {
      const secrets = makeSecrets();
      const port = await startMosquitto(secrets);
      const service = await startLoupe(secrets, port);
      const password = (name: string) => readFileSync(path.join(secrets, `${name}.txt`), 'utf8').trim();
      const as = (user: string, secret: string) => ['-p', String(port), '-u', user, '-P', secret, '-V', '5'];

      const answer = spawn(subscriber ?? '', [
        ...as('line', password('line')),
        '-t',
        'loupe/cam-1/result',
        '-C',
        '1',
        '-W',
        '30',
      ]);
      onTestFinished(() => void answer.kill('SIGKILL'));
      let result = '';
      answer.stdout.on('data', (text) => (result += String(text)));
      const picture = goldenPicture('defective');
      const publish = (topic: string, who: readonly string[]) =>
        execFileSync(publisher ?? '', [...who, '-q', '1', '-t', topic, '-f', picture], {
          stdio: 'pipe',
          encoding: 'utf8',
        });
      await expect
        .poll(
          () => {
            publish('loupe/cam-1/frame/f-1', as('line', password('line')));
            return result;
          },
          { timeout: 30_000, interval: 500 },
        )
        .toContain('"verdict":"FAIL"');

      expect(() => publish('loupe/cam-1/frame/f-2', as('line', 'wrong'))).toThrow(/[Nn]ot authori/);
      expect(() => publish('loupe/cam-1/frame/f-2', ['-p', String(port), '-V', '5'])).toThrow(/[Nn]ot authori/);
      // A camera's user cannot forge a result. QoS 1 at MQTT 5: the broker says so in its PUBACK.
      expect(publishRefused(publisher ?? '', as('line', password('line')), 'loupe/cam-1/result')).toBe(true);

      const scrape = await fetch(`${service.addresses.http}/metrics`, {
        headers: { authorization: `Bearer ${password('prometheus')}` },
      });
      expect(await scrape.text()).toMatch(/inspection_frames_received_total\{[^}]*\} [1-9]/);
      expect((await fetch(`${service.addresses.http}/metrics`)).status).toBe(401);
    });
  },
);

function publishRefused(tool: string, who: readonly string[], topic: string): boolean {
  const said = spawnText(tool, [...who, '-d', '-q', '1', '-t', topic, '-m', '{}']);
  return /Not authori|rc135|RC:135/i.test(said);
}

function spawnText(tool: string, args: readonly string[]): string {
  try {
    return execFileSync(tool, args, { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}`;
  }
}

/** Debian's Mosquitto with deploy/mosquitto, its paths and port alone exchanged. */
async function startMosquitto(secrets: string): Promise<number> {
  const folder = emptyFolder();
  const port = await freePort();
  mkdirSync(path.join(folder, 'data'));
  const acl = path.join(folder, 'acl');
  writeFileSync(acl, read('mosquitto', 'acl'));
  const text = read('mosquitto', 'mosquitto.conf')
    .replace('listener 1883', `listener ${port} 127.0.0.1`)
    .replace('/run/secrets/mosquitto-passwords', path.join(secrets, 'mosquitto-passwords.txt'))
    .replace('/mosquitto/config/acl', acl)
    .replace('/mosquitto/data/', `${folder}/data/`);
  const file = path.join(folder, 'mosquitto.conf');
  writeFileSync(file, process.getuid?.() === 0 ? `${text}user root\n` : text);
  const broker = spawn(mosquitto ?? '', ['-c', file], { stdio: 'pipe' });
  onTestFinished(() => void broker.kill('SIGKILL'));
  let said = '';
  broker.stderr.on('data', (line) => (said += String(line)));
  await expect.poll(() => isOpen(port), { message: said }).toBe(true);
  expect(said).not.toMatch(/Error/);
  return port;
}

/** The real service with deploy/loupe.compose.yaml, the paths of its secrets, the broker and its ports alone exchanged. */
async function startLoupe(secrets: string, brokerPort: number): Promise<ServiceProcess> {
  const file = path.join(emptyFolder(), 'loupe.yaml');
  const text = read('loupe.compose.yaml')
    .replaceAll(/\/run\/secrets\/(\w+)/g, (_, name) => path.join(secrets, `${name}.txt`))
    .replace('mosquitto:1883', `127.0.0.1:${brokerPort}`)
    .replaceAll(/0\.0\.0\.0:\d+/g, '0.0.0.0:0');
  writeFileSync(file, text);
  const settings = ['engine.provider=cpu', 'engine.processes=1', `store.path=${emptyFolder()}`];
  const models = `models.path=${path.join(ROOT, 'models')}`;
  const service = await ServiceProcess.start([...settings, models], ['serve', '--json', '--config', file]);
  onTestFinished(async () => void (await service.end('SIGKILL')));
  return service;
}
