import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkListening } from '../../../src/commands/doctor/network.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { Authority } from '../../support/authority.ts';

describe('the addresses', () => {
  it('are those of a Loupe that answers over TLS, whoever signed its certificate', async () => {
    const { cert, key, certFile, keyFile } = new Authority().server();
    const server = createServer({ cert, key }, (request, response) => {
      response.writeHead(request.url === '/healthz' ? 200 : 404).end();
    });
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sets = [
      'grpc.listen=127.0.0.1:0',
      'mqtt.embedded.enabled=false',
      `http.listen=${address}`,
      `http.tls={cert_file: ${certFile}, key_file: ${keyFile}}`,
    ];
    const checks = await checkListening(await loadConfig({ file: null, env: {}, sets }));
    expect(checks.map(({ name, status }) => [name, status])).toEqual([
      ['grpc.listen', 'ok'],
      ['http.listen', 'ok'],
    ]);
  });
});
