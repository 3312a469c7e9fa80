/** Messages that are begun and never ended, by peers that have said nothing of who they are: memory is bounded, and a camera is answered beside them. */

import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings } from '../support/service-process.ts';
import { honestBeside } from './support/honest.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';
import { beginUnary } from '../support/unary-call.ts';

const start = servicesOf(afterEach);

const MIB = 1024 * 1024;
const SECONDS = Math.min(30, roundsOr(4));
const MESSAGE_BYTES = 4 * MIB;
/** Of each connection; the service holds eight messages of the largest size. */
const CALLS = 60;
const LARGE_BYTES = 30 * MIB;
const PEERS = { grpc: 2, mqtt: 12, http: 12 };
const TOKEN = 'the-token-of-an-honest-camera';
const MAX_GROWTH_BYTES = 200 * MIB;
const CHUNK = Buffer.alloc(64 * 1024);

/** Sends `bytes` of nothing, a chunk after the other, for as long as the other side takes them; then it waits until it is cut. */
async function uploadTo(stream: Duplex, bytes: number, isOver: () => boolean): Promise<void> {
  const closed = new Promise((resolve) => stream.once('close', resolve));
  for (let sent = 0; sent < bytes && !stream.destroyed && !isOver(); sent += CHUNK.length) {
    await Promise.race([closed, new Promise((resolve) => stream.write(CHUNK, resolve))]);
  }
  while (!stream.destroyed && !isOver()) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** From another address than the honest camera's. */
function peerOf(url: string): Socket {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port), localAddress: '127.0.0.2' }).resume();
  return socket.on('error', () => undefined);
}

/** One peer, until it is cut or told to stop. */
const UPLOADS: Readonly<
  Record<'grpc' | 'mqtt' | 'http', (service: ServiceProcess, isOver: () => boolean) => Promise<void>>
> = {
  grpc: async ({ addresses }, isOver) => {
    const url = `http://${addresses.grpc}`;
    const session = connectHttp2(url, { createConnection: () => peerOf(url) });
    session.on('error', () => undefined);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(MESSAGE_BYTES - 1, 1);
    const uploadOne = async () => {
      const call = beginUnary(session);
      call.write(head);
      await uploadTo(call, MESSAGE_BYTES - CHUNK.length, isOver);
    };
    const lane = async () => {
      while (!isOver() && !session.destroyed) await uploadOne();
    };
    await Promise.all(Array.from({ length: CALLS }, lane));
    session.destroy();
  },
  mqtt: async ({ addresses }, isOver) => {
    const socket = peerOf(addresses.mqtt ?? '');
    // CONNECT, and a length of 31 MiB in four bytes of seven bits.
    socket.write(Buffer.from([0x10, 0x80, 0x80, 0xc0, 0x0f]));
    await uploadTo(socket, LARGE_BYTES, isOver);
    socket.destroy();
  },
  http: async ({ addresses }, isOver) => {
    const socket = peerOf(addresses.http);
    socket.write('POST /api/v1/frames?camera_id=cam-1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n');
    socket.write(`Content-Length: ${LARGE_BYTES + 1}\r\n\r\n`);
    await uploadTo(socket, LARGE_BYTES, isOver);
    socket.destroy();
  },
};

async function complaintsOf(road: keyof typeof UPLOADS, bin?: string): Promise<string[]> {
  const settings = {
    // MQTT and HTTP take the largest message there is by default.
    grpc: [`limits.message_bytes=${MESSAGE_BYTES}`],
    mqtt: [],
    http: [`auth.tokens=${JSON.stringify([{ name: 'honest', token: TOKEN, rights: ['ingest', 'read'] }])}`],
  }[road];
  const service = await start([...testSettings(emptyFolder()), ...settings], bin === undefined ? {} : { bin });
  if (road === 'http') service.token = TOKEN;
  const flood = async (isOver: () => boolean) => {
    const peer = async () => {
      while (!isOver()) await UPLOADS[road](service, isOver);
    };
    await Promise.all(Array.from({ length: PEERS[road] }, peer));
    return {};
  };
  const { grpc, mqtt } = service.addresses;
  const honest = road === 'mqtt' ? ['--mqtt', mqtt ?? ''] : ['--grpc', grpc, '--token', TOKEN];
  const named = { name: `messages without an end over ${road}`, seconds: SECONDS, road: honest };
  const { complaints, growthBytes } = await honestBeside(service, named, flood);
  if (growthBytes > MAX_GROWTH_BYTES) complaints.push(`memory grew by ${growthBytes} bytes`);
  return complaints;
}

const PLANTS: Readonly<Record<keyof typeof UPLOADS, Plant>> = {
  grpc: { file: 'ingest/grpc/unfinished.js', from: 'if (bytes <= maxBytes)', to: 'if (bytes <= Infinity)' },
  mqtt: {
    file: 'ingest/mqtt/embedded-broker.js',
    from: 'socket.bytesRead > MAX_LOGIN_BYTES',
    to: 'socket.bytesRead > Infinity',
  },
  http: {
    file: 'dashboard/server.js',
    from: "this.server.addHook('onRequest', async (request) => {",
    to: "this.server.addHook('preHandler', async (request) => {",
  },
};

describe.each(['grpc', 'mqtt', 'http'] as const)('messages over %s that are begun and not ended', (road) => {
  it('take a bounded part of the memory, and honest frames are answered', { timeout: 120_000 }, async () => {
    expect(await complaintsOf(road)).toEqual([]);
  });

  it('twin: a door that holds whatever it is sent is found out', { timeout: 120_000 }, async () => {
    expect((await complaintsOf(road, stage([PLANTS[road]]).bin)).join('\n')).toMatch(/memory grew/);
  });
});
