/** People at the real service: first run, sessions, roles, what a page of another site can do, and what stays behind. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { request as httpsRequest } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client, credentials, status } from '@grpc/grpc-js';
import { openForWriting } from '../../src/record/database.ts';
import { Authority } from '../support/authority.ts';
import { greyPng } from '../support/images.ts';
import { firstAdmin, PageClient, PASSWORD, setupCodeOf, someone } from '../support/page-client.ts';
import { emptyFolder, loupe, ServiceProcess, servicesOf, testSettings } from '../support/service-process.ts';

const EVIL = '<img src=x onerror=alert(1)>';
const picture = Buffer.from(await greyPng(200));

async function frameOn(service: ServiceProcess, id: string): Promise<string> {
  const url = `${service.addresses.http}/api/v1/frames?camera_id=cam-1&frame_id=${id}`;
  const sent = await fetch(url, { method: 'POST', body: picture, headers: { 'content-type': 'image/png' } });
  return ((await sent.json()) as { resultId: string }).resultId;
}

describe('a station of its own', () => {
  let service: ServiceProcess;
  let ann: PageClient;
  let resultId: string;
  const store = emptyFolder();
  const judge = (who: PageClient, headers: Record<string, string> = {}) =>
    who.ask('POST', `/api/v1/results/${resultId}/reviews`, { label: 'ok', reviewer: 'somebody else' }, headers);

  beforeAll(async () => {
    service = await ServiceProcess.start(testSettings(store));
    resultId = await frameOn(service, 'one');
  });
  afterAll(() => service.end('SIGKILL'));

  it('is open until somebody has an account, and closed to strangers from then on', async () => {
    const stranger = new PageClient(service);
    expect((await stranger.ask('GET', '/api/v1/session')).json).toMatchObject({ kind: 'anonymous', accounts: 'none' });
    expect((await judge(stranger)).json).toMatchObject({ reviewer: 'somebody else' });
    const eve = { name: 'Eve', role: 'admin', password: PASSWORD };
    expect((await stranger.ask('POST', '/api/v1/users', eve)).json).toMatchObject({ code: 'user_refused' });
    const wrong = { code: 'AAAA-BBBB-CCCC-DDDD', name: 'Eve', password: PASSWORD };
    expect((await stranger.ask('POST', '/api/v1/setup', wrong)).status).toBe(401);

    ann = await firstAdmin(service);
    expect((await stranger.ask('GET', '/api/v1/session')).json).toMatchObject({
      rights: ['ingest', 'read'],
      accounts: 'some',
    });
    expect((await judge(stranger)).status).toBe(401);
    expect((await stranger.ask('GET', '/api/v1/results')).status).toBe(200);
    expect((await stranger.ask('POST', '/api/v1/models/rollback', {})).status).toBe(401);
    expect(await frameOn(service, 'two')).toMatch(/^[0-9a-f-]{36}$/);
    const again = { code: setupCodeOf(service), name: 'Eve', password: PASSWORD };
    expect((await stranger.ask('POST', '/api/v1/setup', again)).status).toBe(409);
  });

  it('closes gRPC to strangers who would change models, not to cameras', async () => {
    const client = new Client(service.addresses.grpc, credentials.createInsecure());
    const pass = (bytes: Buffer) => bytes;
    const ended = await new Promise<number>((resolve) => {
      const method = '/inspection.v1.ModelService/Rollback';
      client.makeUnaryRequest(method, pass, pass, Buffer.alloc(0), (error) => resolve(error?.code ?? status.OK));
    });
    client.close();
    expect(ended).toBe(status.UNAUTHENTICATED);
  });

  it('keeps the name of who judged, whatever the request says', async () => {
    const bob = await someone(service, ann, 'Bob', 'operator');
    expect((await judge(bob)).json).toMatchObject({ reviewer: 'Bob' });
    expect((await bob.ask('POST', '/api/v1/models/rollback', {})).status).toBe(403);
    expect((await bob.ask('GET', '/api/v1/users')).status).toBe(403);
    const viewer = await someone(service, ann, 'Vic', 'viewer');
    expect((await judge(viewer)).status).toBe(403);
  });

  it('gives a cookie that scripts cannot read and other sites cannot send', async () => {
    const port = new URL(service.addresses.http).port;
    expect(ann.setCookie).toMatch(
      new RegExp(`^loupe-session-${port}=[\\w-]{43}; Path=/; Max-Age=36000; HttpOnly; SameSite=Strict$`),
    );
  });

  it.each([
    ['without the header of the page', { 'x-loupe-page': undefined }],
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from another port of this machine', { 'sec-fetch-site': 'same-site' }],
    ['with the origin of another site', { origin: 'https://evil.example' }],
    ['with no origin to speak of', { origin: 'null' }],
  ])('refuses a cookie %s', async (_how, over) => {
    const headers = Object.entries({ ...ann.headers(), ...over }).filter(
      (pair): pair is [string, string] => pair[1] !== undefined,
    );
    const response = await fetch(`${service.addresses.http}/api/v1/results/${resultId}/reviews`, {
      method: 'POST',
      headers: [...headers, ['content-type', 'application/json']],
      body: '{"label":"ng"}',
    });
    expect(response.status).toBe(403);
    const form = await fetch(`${service.addresses.http}/api/v1/session`, {
      method: 'POST',
      headers: [...headers.filter(([name]) => name !== 'cookie'), ['content-type', 'application/json']],
      body: JSON.stringify({ name: 'Ann', password: PASSWORD }),
    });
    expect([form.status, form.headers.get('set-cookie')]).toEqual([403, null]);
  });

  it('gives a new secret at each sign-in: one that was put there before is worth nothing', async () => {
    const victim = new PageClient(service);
    const name = ann.cookie.split('=')[0] ?? '';
    victim.cookie = `${name}=${'A'.repeat(43)}`;
    const planted = victim.cookie;
    expect((await victim.signIn('Ann', PASSWORD)).status).toBe(200);
    expect(victim.cookie).not.toBe(planted);
    const attacker = new PageClient(service);
    attacker.cookie = planted;
    expect((await attacker.ask('GET', '/api/v1/session')).json).toMatchObject({ kind: 'anonymous' });
    // Two different ones: somebody put one of them there.
    attacker.cookie = `${planted}; ${victim.cookie}`;
    expect((await attacker.ask('GET', '/api/v1/session')).json).toMatchObject({ kind: 'anonymous' });
    const before = victim.cookie;
    await victim.signIn('Ann', PASSWORD);
    victim.cookie = before;
    expect((await victim.ask('GET', '/api/v1/session')).json).toMatchObject({ kind: 'anonymous' });
  });

  it('ends a live stream and a session when the account is disabled', async () => {
    const eva = await someone(service, ann, 'Eva', 'operator');
    const stream = await fetch(`${service.addresses.http}/api/v1/live`, { headers: eva.headers() });
    const reader = stream.body?.getReader();
    await reader?.read();
    const ended = (async () => {
      for (;;) if ((await reader?.read())?.done !== false) return true;
    })();
    const { json } = await ann.ask('GET', '/api/v1/users');
    const [found] = (json['users'] as { id: string; name: string }[]).filter(({ name }) => name === 'Eva');
    expect((await ann.ask('PATCH', `/api/v1/users/${found?.id}`, { isDisabled: true })).status).toBe(200);
    expect(await ended).toBe(true);
    expect((await judge(eva)).status).toBe(401);
    expect((await eva.signIn('Eva', PASSWORD)).status).toBe(401);
  });

  it('ends the stream of whoever signs out', async () => {
    const dan = await someone(service, ann, 'Dan', 'viewer');
    const stream = await fetch(`${service.addresses.http}/api/v1/live`, { headers: dan.headers() });
    const reader = stream.body?.getReader();
    await reader?.read();
    const ended = (async () => {
      for (;;) if ((await reader?.read())?.done !== false) return true;
    })();
    const { headers } = await dan.ask('DELETE', '/api/v1/session');
    expect(headers.get('set-cookie')).toContain('Max-Age=0');
    expect(await ended).toBe(true);
  });

  it('answers 429 with Retry-After after five wrong passwords, known name or not', async () => {
    for (const name of ['Vic', 'nobody at all']) {
      const guesser = new PageClient(service);
      for (let i = 0; i < 5; i++) expect((await guesser.signIn(name, 'a wrong password')).status).toBe(401);
      const { status: answered, headers, json } = await guesser.signIn(name, PASSWORD);
      expect([answered, headers.get('retry-after'), json['code']]).toEqual([429, '1', 'too_many_attempts']);
    }
    const samples = await service.samples();
    expect(samples.get('inspection_sign_ins_total{result="refused"}')).toBeGreaterThan(9);
    expect(samples.get('inspection_sign_ins_total{result="limited"}')).toBe(2);
    expect(samples.get('inspection_sessions')).toBeGreaterThan(1);
  });

  it('takes no password of a megabyte, and no body that is not asked for', async () => {
    const huge = { name: 'Ann', password: 'x'.repeat(1_000_000) };
    expect((await new PageClient(service).ask('POST', '/api/v1/session', huge)).status).toBe(413);
    const more = { name: 'Ann', password: PASSWORD, role: 'admin' };
    expect((await new PageClient(service).ask('POST', '/api/v1/session', more)).status).toBe(400);
  });

  it('notes every act in a chain that verify proves, and nothing secret', async () => {
    await someone(service, ann, EVIL, 'viewer');
    const { json } = await ann.ask('GET', '/api/v1/audit?limit=1000');
    const entries = json['entries'] as { seq: number; act: string; outcome: string; actor: string; about: string }[];
    const said = entries.map(({ act, outcome, actor }) => `${act} ${outcome} ${actor}`);
    for (const line of [
      'first_run refused anyone',
      'first_run done Ann',
      'review done somebody else',
      'review done Bob',
      'sign_in done Bob',
      'sign_in refused anyone',
      'sign_out done Dan',
      'user_add done Ann',
      'user_change done Ann',
    ]) {
      expect(said).toContain(line);
    }
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => entries.length - i));
    expect(JSON.stringify(entries)).not.toContain(PASSWORD);
    const { json: page } = await ann.ask('GET', '/api/v1/audit?limit=2');
    expect(page['next']).toBe(entries.length - 1);
    const verified = await loupe(['verify', '--store', store, '--json']);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, audit: { rows: entries.length } });
  });

  it('goes on after a restart with the same people and sessions, and shows a line that was changed', async () => {
    await service.end();
    service = await ServiceProcess.start(testSettings(store));
    expect(setupCodeOf(service)).toBe('');
    const cookie = ann.cookie.split('=')[1] ?? '';
    ann = new PageClient(service);
    ann.cookie = `loupe-session-${new URL(service.addresses.http).port}=${cookie}`;
    expect((await ann.ask('GET', '/api/v1/session')).json).toMatchObject({ name: 'Ann', role: 'admin' });
    const backup = path.join(emptyFolder(), 'backup.tar');
    expect((await loupe(['backup', '--store', store, '--to', backup])).code).toBe(0);
    await service.end();
    const copy = path.join(emptyFolder(), 'store');
    expect((await loupe(['restore', '--from', backup, '--store', copy])).code).toBe(0);
    const { database: restored } = openForWriting(copy, 'normal');
    const count = (table: string) => restored.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    expect(count('accounts')).toBeGreaterThan(4);
    expect([count('sessions'), Number(count('audit')) > 10]).toEqual([0, true]);
    restored.prepare(`UPDATE audit SET actor = 'Eve' WHERE seq = 3`).run();
    restored.close();
    const { code, stdout } = await loupe(['verify', '--store', copy]);
    expect([code, stdout]).toEqual([1, expect.stringContaining('FAULT audit_broken: audit row 3')]);
    expect(readFileSync(path.join(store, 'ledger.db')).includes(cookie)).toBe(false);
  });
});

describe('a station that others can reach', () => {
  const start = servicesOf(afterEach);
  const authority = new Authority();

  it('needs TLS for its sessions, and says so in the cookie', async () => {
    const wide = [...testSettings(emptyFolder()), 'http.listen=0.0.0.0:0'];
    const refused = await loupe(['serve', ...wide.flatMap((set) => ['--set', set])]);
    expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining('http.tls')]);
    const { certFile, keyFile } = authority.server();
    const service = await start([
      ...wide,
      `http.tls.cert_file=${certFile}`,
      `http.tls.key_file=${keyFile}`,
      'auth.tokens=[{name: ops, token: the-secret-token-of-ops, rights: [read]}]',
    ]);
    const port = Number(new URL(service.addresses.http).port);
    const ask = (method: string, where: string, body?: object, headers: Record<string, string> = {}) =>
      new Promise<{ status: number | undefined; cookies: readonly string[] }>((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          port,
          path: where,
          method,
          ca: authority.ca,
          headers: { 'x-loupe-page': '1', 'content-type': 'application/json', ...headers },
        };
        const sent = httpsRequest(options, (response) => {
          response.resume();
          resolve({ status: response.statusCode, cookies: response.headers['set-cookie'] ?? [] });
        });
        sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
      });
    expect((await ask('GET', '/api/v1/results')).status).toBe(401);
    const made = await ask('POST', '/api/v1/setup', { code: setupCodeOf(service), name: 'Ann', password: PASSWORD });
    expect([made.status, made.cookies]).toEqual([
      200,
      [expect.stringMatching(/^__Host-loupe-session-\d+=[\w-]{43}; Path=\/; .*; HttpOnly; SameSite=Strict; Secure$/)],
    ]);
    const cookie = made.cookies[0]?.split(';')[0] ?? '';
    expect((await ask('GET', '/api/v1/results', undefined, { cookie })).status).toBe(200);
  }, 30_000);

  it('shows nothing at this machine either where viewing asks for a sign-in', async () => {
    const service = await start([...testSettings(emptyFolder()), 'auth.viewing=signed_in']);
    expect((await service.get('/api/v1/results')).status).toBe(200);
    const stream = await fetch(`${service.addresses.http}/api/v1/live`);
    const reader = stream.body?.getReader();
    await reader?.read();
    const ended = (async () => {
      for (;;) if ((await reader?.read())?.done !== false) return true;
    })();
    const ann = await firstAdmin(service);
    expect(await ended).toBe(true);
    expect((await service.get('/api/v1/results')).status).toBe(401);
    expect((await service.get('/metrics')).status).toBe(401);
    expect((await ann.ask('GET', '/api/v1/results')).status).toBe(200);
  });
});
