import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkBroker, checkListening } from '../../../src/commands/doctor/network.ts';
import { checkSecrets } from '../../../src/commands/doctor/secrets.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { Authority } from '../../support/authority.ts';
import { hasMosquitto, Mosquitto } from '../../support/mosquitto.ts';
import { emptyFolder } from '../../support/service-process.ts';

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

describe('the addresses of a Loupe that lets nobody in without a certificate', () => {
  it('are known by the certificate that it shows', async () => {
    const authority = new Authority();
    const [own, other] = [authority.server(), authority.server()];
    const { cert, key } = own;
    const server = createServer({ cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: true });
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const statusWith = async ({ certFile, keyFile }: typeof own) => {
      const tls = `{cert_file: ${certFile}, key_file: ${keyFile}, client_ca_file: ${authority.caFile}}`;
      const sets = [
        'grpc.listen=127.0.0.1:0',
        'mqtt.embedded.enabled=false',
        `http.listen=${address}`,
        `http.tls=${tls}`,
      ];
      return (await checkListening(await loadConfig({ file: null, env: {}, sets })))[1]?.status;
    };
    expect([await statusWith(own), await statusWith(other)]).toEqual(['ok', 'fail']);
  });
});

describe('the files of tokens and certificates', () => {
  it('are looked at before the service ends at its start over one that is missing', async () => {
    const sets = ['grpc.tls={cert_file: /nowhere/cert.pem, key_file: /nowhere/key.pem}'];
    const { check, secrets } = await checkSecrets(await loadConfig({ file: null, env: {}, sets }));
    expect([check.status, secrets]).toEqual(['fail', null]);
    expect(check.found).toContain('grpc.tls.cert_file: cannot read /nowhere/cert.pem');
  });
});

describe.runIf(hasMosquitto)("the plant's broker", () => {
  it('is tried as the service connects to it, with its certificates, user and password', async () => {
    const authority = new Authority();
    const [server, own] = [authority.server(), authority.sign('station-1')];
    const mosquitto = await Mosquitto.create({
      tls: { ...server, caFile: authority.caFile },
      user: { name: 'loupe', password: 'the right one' },
    });
    onTestFinished(() => mosquitto.remove());
    await mosquitto.start();
    const passwords = emptyFolder();
    const check = async (password: string, caFile: string) => {
      const file = path.join(passwords, 'password');
      writeFileSync(file, password);
      const names = { password_file: file, ca_file: caFile, cert_file: own.certFile, key_file: own.keyFile };
      const sets = Object.entries({ url: mosquitto.url, username: 'loupe', ...names });
      const config = await loadConfig({
        file: null,
        env: {},
        sets: sets.map(([key, value]) => `mqtt.${key}=${value}`),
      });
      const { secrets } = await checkSecrets(config);
      return secrets === null ? null : checkBroker(config, secrets.broker);
    };
    expect(await check('the right one', authority.caFile)).toMatchObject({ status: 'ok' });
    expect(await check('another', authority.caFile)).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('Not authorized'),
    });
    expect(await check('the right one', new Authority('Other').caFile)).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('certificate'),
    });
  });
});
