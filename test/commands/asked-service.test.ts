/** What a command shows at a service whose HTTP asks for client certificates: a real server that lets nobody else in. */

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withApi } from '../../src/commands/asked-service.ts';
import { CommandError } from '../../src/commands/exit.ts';
import type { TlsOptions } from '../../src/commands/tls-options.ts';
import { Authority } from '../support/authority.ts';

const authority = new Authority();
const clients = new Authority('Clients');
const own = clients.sign('engineer');
const { cert, key, certFile } = authority.server();

const server = createServer({ cert, key, ca: clients.ca, requestCert: true, rejectUnauthorized: true });
server.on('request', (request, response) => {
  void buffer(request).then((body) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    const { 'content-type': type = null, authorization = null } = request.headers;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ who: subject.CN, type, authorization, body: body.toString() }));
  });
});
let url = '';
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

interface Heard {
  readonly who: string;
  readonly type: string | null;
  readonly authorization: string | null;
  readonly body: string;
}

const ask = (options: TlsOptions, http = url, body?: FormData | object) =>
  withApi({ http, token: 't', ...options }, (api) => api.ask<Heard>('POST', '/api/v1/anything', body));

const shown = { tlsCa: authority.caFile, tlsCert: own.certFile, tlsKey: own.keyFile };

describe('a service that asks for client certificates', () => {
  it('lets a command in that shows one', async () => {
    expect(await ask(shown)).toEqual({ who: 'engineer', type: null, authorization: 'Bearer t', body: '' });
    expect(await ask(shown, url, { a: 1 })).toMatchObject({ type: 'application/json', body: '{"a":1}' });
    const form = new FormData();
    form.append('manifest.json', new Blob(['{}']), 'manifest.json');
    expect(await ask(shown, url, form)).toMatchObject({
      type: expect.stringMatching(/^multipart\/form-data; boundary=/),
      body: expect.stringContaining('filename="manifest.json"'),
    });
  });

  it('lets no other in, and the server has to be known', async () => {
    await expect(ask({ tlsCa: authority.caFile })).rejects.toMatchObject({
      status: 69,
      message: expect.stringContaining(`no answer from ${url}: `),
    });
    await expect(ask({ ...shown, tlsCa: clients.caFile })).rejects.toMatchObject({ status: 69 });
  });

  it.each<[string, TlsOptions, string]>([
    ['a certificate without its key', { tlsCert: own.certFile }, 'expected both --tls-cert and --tls-key'],
    ['a key without its certificate', { tlsKey: own.keyFile }, 'expected both --tls-cert and --tls-key'],
    ['a file that is not there', { ...shown, tlsKey: '/nowhere/key.pem' }, '/nowhere/key.pem'],
    ['a key of another certificate', { ...shown, tlsCert: certFile }, 'key values mismatch'],
    ['a file that is no PEM', { ...shown, tlsKey: new URL(import.meta.url).pathname }, 'cannot be used'],
  ])('is not asked with %s', async (_, options, message) => {
    const error: unknown = await ask(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ status: 2, message: expect.stringContaining(message) });
  });

  it('is asked over https only', async () => {
    await expect(ask(shown, 'http://127.0.0.1:1')).rejects.toMatchObject({
      status: 2,
      message: '--tls-ca and --tls-cert go with https://HOST:PORT, got "http://127.0.0.1:1"',
    });
  });
});
