/** Addresses and broker. */

import http from 'node:http';
import https from 'node:https';
import { connect, createServer } from 'node:net';
import { listenFrom } from '../../config/fields.ts';
import type { Config } from '../../config/schema.ts';
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

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 };

/** Whether the plant's broker can be reached at all; its credentials are proven when the service connects. */
export async function checkBroker(config: Config): Promise<Check> {
  const { url } = config.mqtt;
  if (url === null) return ok('broker', config.mqtt.embedded.enabled ? 'embedded' : 'none configured');
  const { hostname, port, protocol } = new URL(url);
  const to = { host: hostname, port: port === '' ? (DEFAULT_PORTS[protocol] ?? 1883) : Number(port) };
  const error = await new Promise<Error | null>((resolve) => {
    const socket = connect(to);
    socket.setTimeout(3000, () => socket.destroy(new Error('no answer within 3 s')));
    socket.once('connect', () => {
      socket.destroy();
      resolve(null);
    });
    socket.once('error', resolve);
  });
  if (error === null) return ok('broker', `${to.host}:${to.port} accepts connections`);
  return warn(
    'broker',
    `${to.host}:${to.port}: ${error.message}`,
    'results wait in the outbox until it is back; frames over MQTT do not come',
  );
}
