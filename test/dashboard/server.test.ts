/** The HTTP server over ports that answer nothing but what a test needs. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { LineView } from '../../src/dashboard/line-view.ts';
import { LiveFeed } from '../../src/dashboard/live-feed.ts';
import { HttpServer, type HttpServerOptions } from '../../src/dashboard/server.ts';
import { type Actor, NOBODY, RIGHTS } from '../../src/frame/people.ts';
import { FakeLedger } from '../support/fake-ledger.ts';

const SECRET = 'A'.repeat(43);
const ANN: Actor = { kind: 'token', name: 'Ann', role: null, rights: RIGHTS };

let running: HttpServer | null = null;
afterEach(async () => {
  await running?.stop(1000);
  running = null;
});

async function serve(
  actor: Actor,
  people: object,
  more: object = {},
  routes: HttpServerOptions['more'] = [],
): Promise<string> {
  const ports = { calendar: { timeZone: 'UTC', shifts: [] }, people, version: '1.2.3', ...more };
  const now = () => Date.now();
  running = new HttpServer({
    host: '127.0.0.1',
    port: 0,
    tls: null,
    maxBodyBytes: 1000,
    isLoopback: true,
    whoAsks: () => ({ actor, session: null }),
    ports: ports as unknown as HttpServerOptions['ports'],
    audit: { during: (_by, _act, _about, work) => work() },
    feed: new LiveFeed({ ledger: new FakeLedger(), view: new LineView(new Map()), service: () => ({}), now }),
    more: routes,
    onError: (error) => {
      throw error;
    },
    onFlood: () => undefined,
    onTlsRefused: () => undefined,
  });
  const { port } = await running.start();
  return `http://127.0.0.1:${port}`;
}

describe('the HTTP server', () => {
  it.each([
    ['bytes that are no request', '\u0016\u0003\u0001', 400],
    [
      'a body that is cut off',
      'POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      400,
    ],
    ['headers that never end', `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('answers %s with a problem, like any other fault', async (_what, bytes, status) => {
    const base = await serve(ANN, {});
    const peer = connect({ host: '127.0.0.1', port: Number(new URL(base).port), allowHalfOpen: true });
    peer.on('error', () => undefined);
    peer.end(bytes);
    const [head = '', body = ''] = (await text(peer)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*application/problem\\+json`));
    expect(JSON.parse(body)).toMatchObject({ schema: 'inspection.error/1', code: 'invalid_request', status });
  });

  it('lets whoever is signed in wait while nobody knows yet who that is, and sends strangers to sign in', async () => {
    const people = { state: 'unknown' };
    const base = await serve(NOBODY, people);
    const cookie = `loupe-session-${new URL(base).port}=${SECRET}`;
    const statusOf = async (where: string, headers: Record<string, string>) =>
      (await fetch(`${base}${where}`, { headers })).status;
    expect(await statusOf('/api/v1/live', { cookie })).toBe(503);
    expect(await statusOf('/api/v1/session', { cookie })).toBe(503);
    expect(await statusOf('/healthz', { cookie })).toBe(200);
    expect(await statusOf('/api/v1/live', {})).toBe(401);
    expect(await statusOf('/api/v1/session', {})).toBe(200);
    people.state = 'some';
    expect(await statusOf('/api/v1/live', { cookie })).toBe(401);
    expect(await statusOf('/api/v1/session', { cookie })).toBe(200);
  });

  it('says of a token that it is unknown, and of one that is known which right it lacks', async () => {
    const said = async (actor: Actor, headers: Record<string, string>) => {
      const base = await serve(actor, { state: 'some' });
      const answer = (await (await fetch(`${base}/api/v1/live`, { headers })).json()) as { message: string };
      await running?.stop(1000);
      return answer.message;
    };
    const needed = 'this needs the right "read"';
    const bearer = { authorization: 'Bearer x' };
    expect(await said(NOBODY, {})).toBe(`${needed}: sign in, or send Authorization: Bearer <token>`);
    expect(await said(NOBODY, bearer)).toBe(`${needed}, and the token that came is none of auth.tokens`);
    const line: Actor = { kind: 'token', name: 'line-1', role: null, rights: ['ingest'] };
    expect(await said(line, bearer)).toBe(`${needed}, which the token "line-1" does not have`);
  });

  it('answers with the status that its OpenAPI document names', async () => {
    const ann = { userId: 'u', name: 'Ann', role: 'admin', createdAt: 0, createdBy: '', changedAt: 0, changedBy: '' };
    const base = await serve(ANN, { state: 'some', add: async () => ({ ...ann, isDisabled: false }) });
    const body = JSON.stringify({ name: 'Ann', role: 'admin', password: 'correct horse battery' });
    const headers = { 'content-type': 'application/json' };
    const made = await fetch(`${base}/api/v1/users`, { method: 'POST', headers, body });
    const document = (await (await fetch(`${base}/api/v1/openapi.json`)).json()) as {
      paths: Record<string, { post: { responses: Record<string, unknown> } }>;
    };
    expect(Object.keys(document.paths['/api/v1/users']?.post.responses ?? {})).toEqual([
      String(made.status),
      'default',
    ]);
  });

  it('counts the days of Quality by its own clock', async () => {
    const asked: object[] = [];
    const quality = {
      qualityCounts: async (span: object) => {
        asked.push(span);
        return { quarters: [], series: [], latency: [] };
      },
      judged: async () => [],
      secondLooks: async () => [],
      balance: async () => ({ lastLedgerSeq: 0, counted: 0 }),
    };
    const now = Date.parse('2026-11-24T06:00:00Z');
    const base = await serve(ANN, { state: 'some' }, { quality, now: () => now });
    expect((await fetch(`${base}/api/v1/quality`)).status).toBe(200);
    expect((await fetch(`${base}/api/v1/quality?days=7`)).status).toBe(200);
    expect((await fetch(`${base}/api/v1/quality?days=101`)).status).toBe(400);
    const day = 86_400_000;
    expect(asked).toEqual([
      { since: now - day, until: now },
      { since: now - 7 * day, until: now },
    ]);
  });

  it('stops although somebody does not read on, and lets others read to the end', async () => {
    const endless = () =>
      Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(100_000, 'x');
        })(),
      );
    const slow = async function* () {
      yield 'first ';
      await sleep(300);
      yield 'last';
    };
    const base = await serve(ANN, { state: 'some' }, {}, [
      (server) => {
        server.get('/endless', (_request, reply) => reply.send(endless()));
        server.get('/slow', (_request, reply) => reply.send(Readable.from(slow())));
      },
    ]);
    const unread = await fetch(`${base}/endless`);
    const read = fetch(`${base}/slow`).then((answer) => answer.text());
    await sleep(100);
    const began = performance.now();
    await running?.stop(1000);
    expect(await read).toBe('first last');
    expect(performance.now() - began).toBeLessThan(5000);
    await unread.body?.cancel().catch(() => undefined);
  });

  it('stops at once although connections say nothing, those that come meanwhile too', async () => {
    const base = await serve(ANN, { state: 'some' });
    const { port } = new URL(base);
    const silent = connect(Number(port), '127.0.0.1').resume();
    const gone = once(silent, 'close');
    // It is there when the answer to a later one is.
    await fetch(`${base}/healthz`);
    const began = performance.now();
    const stopping = running?.stop(20_000);
    const late = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    await Promise.all([stopping, gone]);
    late.destroy();
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('ends a HEAD of the live stream, which has no body that could end', async () => {
    const base = await serve(ANN, { state: 'some' });
    const { status, headers } = await fetch(`${base}/api/v1/live`, {
      method: 'HEAD',
      signal: AbortSignal.timeout(5000),
    });
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  });
});
