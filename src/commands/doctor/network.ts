/** Addresses, and the broker. */

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { logIn } from '../../client/mqtt-login.ts';
import { listenFrom } from '../../config/fields.ts';
import type { Config } from '../../config/schema.ts';
import type { Secrets } from '../../config/secrets.ts';
import { type Check, fail, ok, warn } from './check.ts';

export async function checkListening(config: Config): Promise<Check[]> {
  const doors: [string, string][] = [
    ['grpc.listen', config.grpc.listen],
    ['http.listen', config.http.listen],
  ];
  if (config.mqtt.url === null && config.mqtt.embedded.enabled) {
    doors.push(['mqtt.embedded.listen', config.mqtt.embedded.listen]);
  }
  const isRunning = await answersHealth(config);
  return Promise.all(doors.map(([key, address]) => checkDoor(key, address, isRunning)));
}

async function checkDoor(key: string, address: string, isRunning: boolean): Promise<Check> {
  const listen = listenFrom(address);
  if (listen === null) return fail(key, address, 'expected HOST:PORT');
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(listen.port, listen.host, () => server.close(() => resolve(null)));
  });
  if (error === null) return ok(key, `${address} is free`);
  if (error.code === 'EADDRINUSE' && isRunning)
    return ok(key, `${address} is taken, and a Loupe answers on http.listen`);
  if (error.code === 'EADDRINUSE')
    return fail(key, `${address} is taken by another program`, 'choose another port, or end that program');
  return fail(key, `${address}: ${error.message}`, 'choose an address of this machine and a port this user may open');
}

/** The certificate is not looked at: this machine asks itself, and the authority may be the plant's own. */
async function answersHealth(config: Config): Promise<boolean> {
  if (config.http.tls !== null && config.http.tls.client_ca_file !== null) {
    return showsCertificate(config.http.listen, config.http.tls.cert_file);
  }
  const { get } = config.http.tls === null ? http : https;
  const scheme = config.http.tls === null ? 'http' : 'https';
  return new Promise<boolean>((resolve) => {
    const options = { rejectUnauthorized: false, signal: AbortSignal.timeout(2000) };
    const request = get(`${scheme}://${config.http.listen}/healthz`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}

/** It answers nobody without a certificate, and shows its own to everybody. */
async function showsCertificate(address: string, certFile: string): Promise<boolean> {
  const own = await readFile(certFile).then(
    (pem) => new X509Certificate(pem).fingerprint256,
    () => null,
  );
  const listen = listenFrom(address);
  if (own === null || listen === null) return false;
  return new Promise<boolean>((resolve) => {
    const socket = connectTls({ ...listen, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 === own);
      socket.destroy();
    });
    socket.setTimeout(2000, () => socket.destroy());
    socket.on('error', () => undefined).once('close', () => resolve(false));
  });
}

/** Whether the plant's broker lets the service in. @param access what the files of the configuration hold */
export async function checkBroker(config: Config, access: Secrets['broker']): Promise<Check> {
  const { url, username, client_id: clientId } = config.mqtt;
  if (url === null) return ok('broker', config.mqtt.embedded.enabled ? 'embedded' : 'none configured');
  const { password, ...tls } = access;
  const { host } = new URL(url);
  try {
    await logIn({ url, clientId: `${clientId}-doctor`, username, password, tls });
    return ok('broker', `${host} lets the service in`);
  } catch (error) {
    const why = error instanceof Error ? error.message || ('code' in error ? String(error.code) : '') : String(error);
    const advice =
      'is it up, and are scheme, username, password_file and certificates under mqtt those it wants? Until then results wait in the outbox and no frames come over MQTT';
    return warn('broker', `${host}: ${why}`, advice);
  }
}
