/** Who gets in: the table of docs/operations/rights.md tried cell by cell, certificates that name cameras, and new certificates at work. */

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { type ChannelCredentials, Client, credentials, Metadata, status } from '@grpc/grpc-js';
import mqtt, { type IClientOptions } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { messageOf, inspectionPackage } from '../../src/ingest/wire/contract.ts';
import { Authority, type Pair } from '../support/authority.ts';
import { greyPng } from '../support/images.ts';
import { ROLES } from '../../src/frame/people.ts';
import { hasMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { firstAdmin, type PageClient, someone } from '../support/page-client.ts';
import { emptyFolder, loupe, ServiceProcess, servicesOf, testSettings, total } from '../support/service-process.ts';

const PATIENT = { timeout: 15_000 };
const SERVICE = '/inspection.v1.InspectionService';
const RIGHTS = ['ingest', 'read', 'review', 'tune', 'admin'];
const tokenFor = (right: string) => `the-secret-token-of-${right}`;
const picture = Buffer.from(await greyPng(200));

const inspectRequest = messageOf(inspectionPackage, 'inspection.v1.InspectRequest');
const streamRequest = messageOf(inspectionPackage, 'inspection.v1.StreamRequest');
const frameBytes = (cameraId: string) => inspectRequest.encode({ camera_id: cameraId, encoded: picture });

/** The status a call ends with; a stream that has sent its headers and nothing else counts as OK. */
function call(address: string, method: string, request: Buffer, token: string | null, channel: ChannelCredentials) {
  const client = new Client(address, channel, { 'grpc.use_local_subchannel_pool': 1 });
  const metadata = new Metadata();
  if (token !== null) metadata.set('authorization', `Bearer ${token}`);
  const pass = (bytes: Buffer) => bytes;
  return new Promise<status>((resolve) => {
    const stream = client.makeBidiStreamRequest<Buffer, Buffer>(method, pass, pass, metadata, {
      deadline: Date.now() + 10_000,
    });
    stream.on('metadata', () => method.endsWith('WatchResults') && resolve(status.OK));
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    stream.on('status', ({ code }) => resolve(code));
    stream.end(request);
  }).finally(() => client.close());
}

const isLetIn = (code: status) => code !== status.UNAUTHENTICATED && code !== status.PERMISSION_DENIED;

/** Whether `use` succeeds on a connection made with `options`. */
async function overMqtt(url: string, options: IClientOptions, use: (client: mqtt.MqttClient) => Promise<unknown>) {
  const settings = { protocolVersion: 5 as const, reconnectPeriod: 0, ...options };
  const client = await mqtt.connectAsync(url, settings, false).catch(() => null);
  if (client === null) return false;
  client.on('error', () => undefined);
  const closed = new Promise<false>((resolve) => client.once('close', () => resolve(false)));
  const used = use(client).then(
    () => true,
    () => false,
  );
  return Promise.race([used, closed]).finally(() => client.end(true));
}

const publishFrame = (camera: string) => (client: mqtt.MqttClient) =>
  client.publishAsync(`loupe/${camera}/frame`, picture, { qos: 1 });
const subscribe = (topic: string) => (client: mqtt.MqttClient) => client.subscribeAsync(topic, { qos: 1 });

describe('the table of endpoints and credentials', () => {
  const page = readFileSync(new URL('../../docs/operations/rights.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| ((?:HTTP|gRPC|MQTT) [^|]+) \|(.+)\|$/gm)].map(
    ([, endpoint = '', cells = '']) => [endpoint.trim(), cells.split('|').map((cell) => cell.trim())] as const,
  );
  let service: ServiceProcess;
  const people = new Map<string, PageClient>();
  beforeAll(async () => {
    const tokens = RIGHTS.map((right) => ({ name: right, token: tokenFor(right), rights: [right] }));
    service = await ServiceProcess.start([...testSettings(emptyFolder()), `auth.tokens=${JSON.stringify(tokens)}`]);
    const ann = await firstAdmin(service);
    for (const role of ROLES) people.set(role, role === 'admin' ? ann : await someone(service, ann, `a ${role}`, role));
  }, 60_000);
  afterAll(() => service.end('SIGKILL'));

  /** With an empty body, so that nothing happens: what is refused for its shape was let in. */
  async function isAllowedByHttp(endpoint: string, credentials: Record<string, string>): Promise<boolean> {
    const [, method = '', pathname = ''] = endpoint.split(' ');
    const gone = new AbortController();
    const response = await fetch(new URL(pathname, service.addresses.http), {
      method,
      headers: { 'x-loupe-page': '1', ...credentials },
      signal: gone.signal,
      ...(method === 'GET' || method === 'DELETE' ? {} : { body: '' }),
    });
    gone.abort();
    return response.status !== 401 && response.status !== 403;
  }

  async function isAllowed(endpoint: string, user: string | null, token: string | null): Promise<boolean> {
    const { grpc, mqtt: broker } = service.addresses;
    const [door = '', ...rest] = endpoint.split(' ');
    if (door === 'HTTP') return isAllowedByHttp(endpoint, token === null ? {} : { authorization: `Bearer ${token}` });
    const plain = credentials.createInsecure();
    const inStream = streamRequest.encode({ frame: { camera_id: 'cam-1', encoded: picture } });
    const name = rest.join(' ');
    if (door === 'gRPC') {
      const method =
        name === 'health'
          ? '/grpc.health.v1.Health/Check'
          : name.includes('/')
            ? `/inspection.v1.${name}`
            : `${SERVICE}/${name}`;
      const request = name === 'Inspect' ? frameBytes('cam-1') : name === 'InspectStream' ? inStream : Buffer.alloc(0);
      return isLetIn(await call(grpc, method, request, token, plain));
    }
    const uses: Readonly<Record<string, (client: mqtt.MqttClient) => Promise<unknown>>> = {
      connect: async () => undefined,
      'publish a frame': publishFrame('cam-1'),
      'subscribe to results': subscribe('loupe/+/result'),
      'subscribe to a reply': subscribe('loupe/reply/me'),
    };
    const use = uses[name];
    if (use === undefined) throw new Error(`the table names "${endpoint}", and the test knows no such thing`);
    const access = token === null ? {} : { username: user ?? '', password: token };
    return overMqtt(broker ?? '', access, use);
  }

  it('has a row for everything that the OpenAPI description and the contract name', async () => {
    const headers = { authorization: `Bearer ${tokenFor('read')}` };
    const api = (await (await fetch(new URL('/api/v1/openapi.json', service.addresses.http), { headers })).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const described = Object.entries(api.paths).flatMap(([route, methods]) =>
      Object.keys(methods).map((method) => `HTTP ${method.toUpperCase()} ${route.replaceAll(/\{\w+\}/g, 'x')}`),
    );
    const named = rows.map(([endpoint]) => endpoint);
    expect(described.filter((endpoint) => !named.includes(endpoint))).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(25);
  });

  it.each(rows)('%s', async (endpoint, cells) => {
    const who: [string | null, string | null][] = [
      [null, null],
      ['read', 'a-token-that-nobody-gave-out'],
      ...RIGHTS.map((right): [string, string] => [right, tokenFor(right)]),
    ];
    const found = await Promise.all(who.map(([user, token]) => isAllowed(endpoint, user, token)));
    const shown: string[] = found.map((isYes) => (isYes ? 'yes' : 'no'));
    for (const role of ROLES) {
      const isHttp = endpoint.startsWith('HTTP ');
      const isYes = isHttp && (await isAllowedByHttp(endpoint, people.get(role)?.headers() ?? {}));
      shown.push(isHttp ? (isYes ? 'yes' : 'no') : '–');
    }
    expect(shown).toEqual(cells);
  });
});

describe('certificates', () => {
  const start = servicesOf(afterEach);
  const authority = new Authority();
  const cameras = new Authority('Cameras');
  const server = authority.server();
  const camera1 = cameras.sign('someone', ['DNS:cam-1']);
  const noCamera = cameras.sign('Press Shop');
  const stranger = new Authority('Another').sign('cam-1');
  /** Over by the time that a service has started. */
  const expired = cameras.sign('someone', ['DNS:cam-1'], 0);

  const tls = (door: string, { certFile, keyFile }: Pair, more: readonly string[] = []) =>
    [`cert_file=${certFile}`, `key_file=${keyFile}`, ...more].map((setting) => `${door}.tls.${setting}`);
  const DOORS = ['grpc', 'http', 'mqtt.embedded'];
  const serverOf = (pair: Pair, more: readonly string[] = []) => DOORS.flatMap((door) => tls(door, pair, more));
  /** Certificates say which camera comes; who shows none needs a token. */
  const startBinding = () => {
    const binding = [`client_ca_file=${cameras.caFile}`, 'camera_from_certificate=true'];
    const tokens = [{ name: 'line', token: tokenFor('ingest'), rights: ['ingest'] }];
    const settings = [...serverOf(server, binding), `auth.tokens=${JSON.stringify(tokens)}`];
    return start([...testSettings(emptyFolder()), ...settings]);
  };

  /** Whether the door speaks that version of TLS with who offers nothing newer. */
  const shakesHands = (port: number, version: 'TLSv1.1' | 'TLSv1.2') =>
    new Promise<boolean>((resolve) => {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        ca: authority.ca,
        key: camera1.key,
        cert: camera1.cert,
        minVersion: version,
        maxVersion: version,
        ciphers: 'ALL:@SECLEVEL=0',
      });
      const end = (isDone: boolean) => {
        socket.destroy();
        resolve(isDone);
      };
      socket.once('secureConnect', () => end(true)).once('error', () => end(false));
    });

  it('are shown by loupe send, over gRPC and MQTT', async () => {
    const service = await startBinding();
    const folder = emptyFolder();
    writeFileSync(path.join(folder, 'part.png'), picture);
    const { grpc, mqtt: broker } = service.addresses;
    const sent = (...args: string[]) => loupe(['send', '--tls-ca', authority.caFile, ...args, '--json', folder]);
    const shown = ['--tls-cert', camera1.certFile, '--tls-key', camera1.keyFile];
    for (const road of [
      ['--grpc', grpc],
      ['--mqtt', broker ?? ''],
    ]) {
      const { code, stdout } = await sent(...road, ...shown, '--camera', 'cam-1');
      expect([code, stdout]).toEqual([0, expect.stringContaining('"verdict":')]);
      expect((await sent(...road, ...shown, '--camera', 'cam-2')).stdout).toContain('permission_denied');
      expect((await sent(...road, '--camera', 'cam-1')).code).toBe(69);
    }
  }, 120_000);

  it('are shown by every command that asks over HTTP', async () => {
    const tokens = [{ name: 'ops', token: tokenFor('admin'), rights: RIGHTS }];
    const asking = tls('http', server, [`client_ca_file=${cameras.caFile}`]);
    const service = await start([...testSettings(emptyFolder()), ...asking, `auth.tokens=${JSON.stringify(tokens)}`]);
    const known = ['--http', service.addresses.http, '--token', tokenFor('admin'), '--tls-ca', authority.caFile];
    const shown = ['--tls-cert', camera1.certFile, '--tls-key', camera1.keyFile];
    for (const command of [['results'], ['drift'], ['models', 'list'], ['cuts', 'history'], ['users', 'list']]) {
      expect(await loupe([...command, ...known, ...shown])).toMatchObject({ code: 0, stderr: '' });
    }
    const without = await loupe(['results', ...known]);
    expect([without.code, without.stderr]).toEqual([69, expect.stringMatching(/^loupe: no answer from https:.*\n$/)]);
    const half = await loupe(['results', ...known, '--tls-cert', camera1.certFile]);
    expect([half.code, half.stderr]).toEqual([2, expect.stringContaining('expected both --tls-cert and --tls-key')]);
  }, 120_000);

  it('name the camera: its own frames without a token, nobody else’s, and nobody without one', async () => {
    const service = await startBinding();
    const { grpc, mqtt: broker } = service.addresses;
    const { ca } = authority;
    const over = ({ key, cert }: Pair) => credentials.createSsl(ca, key, cert);
    const send = (as: string, channel: ChannelCredentials, token: string | null = null) =>
      call(grpc, `${SERVICE}/Inspect`, frameBytes(as), token, channel);
    expect(await send('cam-1', over(camera1))).toBe(status.OK);
    expect(await send('cam-2', over(camera1))).toBe(status.PERMISSION_DENIED);
    expect(await send('cam-2', over(camera1), tokenFor('ingest'))).toBe(status.PERMISSION_DENIED);
    expect(await send('cam-1', over(noCamera))).toBe(status.UNAUTHENTICATED);
    expect(await send('cam-1', over(noCamera), tokenFor('ingest'))).toBe(status.PERMISSION_DENIED);
    expect(await send('cam-1', over(stranger))).toBe(status.UNAVAILABLE);
    expect(await send('cam-1', over(expired))).toBe(status.UNAVAILABLE);
    expect(await send('cam-1', credentials.createSsl(ca))).toBe(status.UNAVAILABLE);
    expect(await send('cam-1', credentials.createInsecure())).toBe(status.UNAVAILABLE);
    expect(await call(grpc, `${SERVICE}/GetResult`, Buffer.alloc(0), null, over(camera1))).toBe(status.UNAUTHENTICATED);

    const url = broker ?? '';
    const as = ({ key, cert }: Pair) => ({ ca, key, cert });
    expect(url).toMatch(/^mqtts:/);
    expect(await overMqtt(url, as(camera1), publishFrame('cam-1'))).toBe(true);
    expect(await overMqtt(url, as(camera1), publishFrame('cam-2'))).toBe(false);
    expect(await overMqtt(url, as(camera1), subscribe('loupe/+/result'))).toBe(false);
    expect(await overMqtt(url, as(noCamera), publishFrame('cam-1'))).toBe(false);
    expect(await overMqtt(url, as(stranger), publishFrame('cam-1'))).toBe(false);
    expect(await overMqtt(url, as(expired), publishFrame('cam-1'))).toBe(false);
    expect(await overMqtt(url, { ca }, publishFrame('cam-1'))).toBe(false);

    const upload = async (as: string, pair: Pair) => {
      const { request } = await import('node:https');
      const target = new URL(`/api/v1/frames?camera_id=${as}`, service.addresses.http);
      return new Promise<number | undefined>((resolve, reject) => {
        const headers = { authorization: `Bearer ${tokenFor('ingest')}`, 'content-type': 'image/png' };
        const sent = request(target, { method: 'POST', ca, key: pair.key, cert: pair.cert, headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject).end(picture);
      });
    };
    expect(await upload('cam-1', camera1)).toBe(200);
    expect(await upload('cam-2', camera1)).toBe(403);
    expect(await upload('cam-1', noCamera)).toBe(403);
    await expect(upload('cam-1', expired)).rejects.toThrow(/certificate expired|socket hang up|ECONNRESET|EPIPE/);

    for (const address of [grpc, service.addresses.http, url]) {
      const port = Number(address.split(':').at(-1));
      expect(await shakesHands(port, 'TLSv1.1')).toBe(false);
      expect(await shakesHands(port, 'TLSv1.2')).toBe(true);
    }
  }, 40_000);

  it('are exchanged on every door without a restart, and a bad one is refused', async () => {
    const folder = emptyFolder();
    const certFile = path.join(folder, 'cert.pem');
    const keyFile = path.join(folder, 'key.pem');
    const put = (pair: Pair) => {
      copyFileSync(pair.certFile, certFile);
      copyFileSync(pair.keyFile, keyFile);
    };
    put(server);
    const service = await start([...testSettings(emptyFolder()), ...serverOf({ ...server, certFile, keyFile })]);
    const { grpc, http, mqtt: broker } = service.addresses;
    const ports = [grpc, http, broker ?? ''].map((address) => Number(address.split(':').at(-1)));
    const shown = (port: number) =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls(
          { port, host: '127.0.0.1', ca: authority.ca, ALPNProtocols: ['h2', 'http/1.1'] },
          () => {
            resolve(socket.getPeerCertificate().serialNumber);
            socket.destroy();
          },
        );
        socket.on('error', reject);
      });
    const before = await shown(ports[0] ?? 0);
    expect(await Promise.all(ports.map(shown))).toEqual([before, before, before]);

    writeFileSync(keyFile, 'rubbish');
    service.child.kill('SIGHUP');
    const refused = () => service.log.filter(({ event }) => event === 'certificate_refused').length;
    await expect.poll(refused, PATIENT).toBe(3);
    expect(await Promise.all(ports.map(shown))).toEqual([before, before, before]);

    put(authority.server());
    service.child.kill('SIGHUP');
    // One door after the other: all of them, at last.
    const stillOld = async () => (await Promise.all(ports.map(shown))).filter((serial) => serial === before);
    await expect.poll(stillOld, PATIENT).toEqual([]);
    expect(new Set(await Promise.all(ports.map(shown))).size).toBe(1);
    expect((await service.end()).code).toBe(0);
  }, 40_000);

  it('of a stolen camera are refused on every door, on open connections and new ones, without a restart', async () => {
    const refusedFile = path.join(emptyFolder(), 'refused.txt');
    writeFileSync(refusedFile, '# none so far\n');
    const refusing = [`client_ca_file=${cameras.caFile}`, `client_refused_file=${refusedFile}`];
    const service = await start([...testSettings(emptyFolder()), ...serverOf(server, refusing)]);
    const { grpc, http, mqtt: broker } = service.addresses;
    const ports = [grpc, http, broker ?? ''].map((address) => Number(address.split(':').at(-1)));
    const enter = async (port: number, { key, cert }: Pair) => {
      const own = { ca: authority.ca, key, cert, ALPNProtocols: ['h2', 'http/1.1'] };
      const socket = connectTls({ port, host: '127.0.0.1', ...own }).resume();
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      return socket;
    };
    const enterAll = (pair: Pair) => Promise.all(ports.map((port) => enter(port, pair)));
    const stolen = await enterAll(camera1);
    const gone = Promise.all(stolen.map((socket) => once(socket, 'close')));
    const { fingerprint256 } = new X509Certificate(camera1.cert);
    writeFileSync(refusedFile, `sha256 Fingerprint=${fingerprint256}\n`);
    service.child.kill('SIGHUP');
    await gone;
    const again = await enterAll(camera1);
    await expect.poll(() => again.map(({ closed }) => closed), PATIENT).toEqual([true, true, true]);
    expect(service.log.find(({ event }) => event === 'tls_refused')).toMatchObject({
      level: 'warn',
      address: '127.0.0.1',
      detail: expect.stringContaining(`client_refused_file: ${fingerprint256}`),
    });
    const others = await enterAll(noCamera);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(others.map(({ closed }) => closed)).toEqual([false, false, false]);

    writeFileSync(refusedFile, 'AB:CD\n');
    service.child.kill('SIGHUP');
    const faults = () => service.log.filter(({ event }) => event === 'certificate_refused');
    await expect.poll(() => faults().length, PATIENT).toBe(3);
    expect(faults()[0]?.['detail']).toMatch(/refused.txt: line 1: expected a SHA-256 fingerprint/);
    const still = await enterAll(camera1);
    await expect.poll(() => still.map(({ closed }) => closed), PATIENT).toEqual([true, true, true]);
  }, 40_000);

  it('that cannot be used end the start with 78, and say which file', async () => {
    const settings = [...testSettings(emptyFolder()), ...tls('grpc', { ...server, keyFile: camera1.keyFile })];
    const { code, stderr } = await loupe(['serve', ...settings.flatMap((setting) => ['--set', setting])]);
    expect(code).toBe(78);
    expect(stderr).toContain('grpc.tls.key_file');
    const missing = [...testSettings(emptyFolder()), ...tls('http', { ...server, keyFile: '/nowhere/key.pem' })];
    const ended = await loupe(['serve', ...missing.flatMap((setting) => ['--set', setting])]);
    expect([ended.code, ended.stderr]).toEqual([78, expect.stringContaining('http.tls.key_file')]);
    const unbound = [...testSettings(emptyFolder()), ...tls('grpc', server, ['camera_from_certificate=true'])];
    expect((await loupe(['serve', ...unbound.flatMap((setting) => ['--set', setting])])).code).toBe(78);
    const unasked = [...testSettings(emptyFolder()), ...tls('grpc', server, ['client_refused_file=/nowhere'])];
    const told = await loupe(['serve', ...unasked.flatMap((setting) => ['--set', setting])]);
    expect([told.code, told.stderr]).toEqual([78, expect.stringContaining('expected client_ca_file beside it')]);
  });

  it.skipIf(!hasMosquitto)(
    'open a plant’s Mosquitto that asks for TLS, a client certificate, user and password',
    async () => {
      const broker = await Mosquitto.create({
        tls: { ...authority.server(), caFile: cameras.caFile },
        user: { name: 'loupe', password: 'a-password' },
      });
      try {
        await broker.start();
        const passwordFile = path.join(emptyFolder(), 'password');
        writeFileSync(passwordFile, 'a-password\n');
        const access = [
          `mqtt.url=${broker.url}`,
          'mqtt.username=loupe',
          `mqtt.password_file=${passwordFile}`,
          `mqtt.ca_file=${authority.caFile}`,
        ];
        const known = [...access, `mqtt.cert_file=${noCamera.certFile}`, `mqtt.key_file=${noCamera.keyFile}`];
        const service = await start([...testSettings(emptyFolder()), ...known]);
        const connected = (one: ServiceProcess) => async () => (await one.samples()).get('inspection_mqtt_connected');
        await expect.poll(connected(service), PATIENT).toBe(1);
        expect(
          total(await service.samples(), 'inspection_certificate_expiry_timestamp_seconds', 'broker'),
        ).toBeGreaterThan(Date.now() / 1000);
        const client = {
          ca: authority.ca,
          key: camera1.key,
          cert: camera1.cert,
          username: 'loupe',
          password: 'a-password',
        };
        const heard: string[] = [];
        const reader = await mqtt.connectAsync(broker.url, { ...client, protocolVersion: 5 });
        reader.on('message', (topic) => heard.push(topic));
        await reader.subscribeAsync('loupe/cam-1/result', { qos: 1 });
        await expect
          .poll(async () => {
            await publishFrame('cam-1')(reader);
            return heard.length;
          }, PATIENT)
          .toBeGreaterThan(0);
        await reader.endAsync(true);

        const anonymous = await start([...testSettings(emptyFolder()), ...access]);
        await expect.poll(() => anonymous.log.some(({ event }) => event === 'sink_disconnected'), PATIENT).toBe(true);
        expect(await connected(anonymous)()).toBe(0);
      } finally {
        await broker.remove();
      }
    },
    60_000,
  );
});
