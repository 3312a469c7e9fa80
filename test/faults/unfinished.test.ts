/** Messages that are begun and never ended, by peers that have said nothing of who they are: memory is bounded, and a camera is answered beside them. */

import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings } from '../support/service-process.ts';
import { honestBeside } from './support/honest.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

const MIB = 1024 * 1024;
const SECONDS = Math.min(30, roundsOr(4));
const MESSAGE_BYTES = 4 * MIB;
/** Of each connection; the service holds eight messages of the largest size. */
const CALLS = 60;
const LOGIN_BYTES = 30 * MIB;
const PEERS = { grpc: 2, mqtt: 12 };
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

/** One peer, until it is cut or told to stop. */
const UPLOADS: Readonly<Record<'grpc' | 'mqtt', (service: ServiceProcess, isOver: () => boolean) => Promise<void>>> = {
  grpc: async ({ addresses }, isOver) => {
    const [host = '', port = ''] = addresses.grpc.split(':');
    const createConnection = () => connect({ host, port: Number(port), localAddress: '127.0.0.2' });
    const session = connectHttp2(`http://${addresses.grpc}`, { createConnection });
    session.on('error', () => undefined);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(MESSAGE_BYTES - 1, 1);
    const uploadOne = async () => {
      const call = session.request({
        ':method': 'POST',
        ':path': '/inspection.v1.InspectionService/Inspect',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      call.on('error', () => undefined);
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
    const { hostname: host, port } = new URL(addresses.mqtt ?? '');
    const socket = connect({ host, port: Number(port), localAddress: '127.0.0.2' }).resume();
    socket.on('error', () => undefined);
    // CONNECT, and a length of 31 MiB in four bytes of seven bits.
    socket.write(Buffer.from([0x10, 0x80, 0x80, 0xc0, 0x0f]));
    await uploadTo(socket, LOGIN_BYTES, isOver);
    socket.destroy();
  },
};

async function complaintsOf(road: keyof typeof UPLOADS, bin?: string): Promise<string[]> {
  // MQTT takes the largest message there is by default.
  const limits = road === 'grpc' ? [`limits.message_bytes=${MESSAGE_BYTES}`] : [];
  const service = await start([...testSettings(emptyFolder()), ...limits], bin === undefined ? {} : { bin });
  const before = service.residentBytes;
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, service.residentBytes);
  }, 250);
  const flood = async (isOver: () => boolean) => {
    const peer = async () => {
      while (!isOver()) await UPLOADS[road](service, isOver);
    };
    await Promise.all(Array.from({ length: PEERS[road] }, peer));
    return { growthMib: Math.round((most - before) / MIB) };
  };
  const to = { grpc: service.addresses.grpc, mqtt: service.addresses.mqtt ?? '' }[road];
  const named = { name: `messages without an end over ${road}`, seconds: SECONDS, road: [`--${road}`, to] };
  const { complaints } = await honestBeside(service, named, flood);
  clearInterval(watch);
  if (most - before > MAX_GROWTH_BYTES) complaints.push(`memory grew by ${most - before} bytes`);
  return complaints;
}

const PLANTS: Readonly<Record<keyof typeof UPLOADS, Plant>> = {
  grpc: { file: 'ingest/grpc/unfinished.js', from: 'if (bytes <= maxBytes)', to: 'if (bytes <= Infinity)' },
  mqtt: {
    file: 'ingest/mqtt/embedded-broker.js',
    from: 'socket.bytesRead > MAX_LOGIN_BYTES',
    to: 'socket.bytesRead > Infinity',
  },
};

describe.each(['grpc', 'mqtt'] as const)('messages over %s that are begun and not ended', (road) => {
  it('take a bounded part of the memory, and honest frames are answered', { timeout: 120_000 }, async () => {
    expect(await complaintsOf(road)).toEqual([]);
  });

  it('twin: a door that holds whatever it is sent is found out', { timeout: 120_000 }, async () => {
    expect((await complaintsOf(road, stage([PLANTS[road]]).bin)).join('\n')).toMatch(/memory grew/);
  });
});
