/** Connections that do harm by their number or their kind of frames: they are cut or held, and an honest camera is answered beside them. */

import { writeFileSync } from 'node:fs';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { greyPng } from '../support/images.ts';
import {
  emptyFolder,
  loupe,
  type ServiceProcess,
  servicesOf,
  testSettings,
  total,
} from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const SECONDS = Math.min(20, roundsOr(2));
const MAX_MEDIAN_MS = 1000;

const INSPECT = {
  ':method': 'POST',
  ':path': '/inspection.v1.InspectionService/Inspect',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** What an attacker does with one connection until it is cut. */
type Attack = (session: ClientHttp2Session, isOver: () => boolean) => Promise<void>;

const turn = () => new Promise((resolve) => setImmediate(resolve));

const ATTACKS: Readonly<Record<string, Attack>> = {
  'calls that are reset as soon as they are opened': async (session, isOver) => {
    while (!session.destroyed && !session.closed && !isOver()) {
      for (let i = 0; i < 100; i++) {
        const call = session.request(INSPECT);
        call.on('error', () => undefined);
        call.close(constants.NGHTTP2_CANCEL);
      }
      await turn();
    }
  },
  pings: async (session, isOver) => {
    while (!session.destroyed && !session.closed && !isOver()) {
      for (let i = 0; i < 1000 && !session.destroyed; i++) session.ping(() => undefined);
      await turn();
    }
  },
  settings: async (session, isOver) => {
    while (!session.destroyed && !session.closed && !isOver()) {
      for (let i = 0; i < 8 && !session.destroyed && !session.closed; i++) session.settings({ enablePush: false });
      await turn();
    }
  },
  'calls without an end': async (session, isOver) => {
    for (let i = 0; i < 3000 && !session.destroyed && !session.closed; i++) {
      session.request(INSPECT).on('error', () => undefined);
    }
    while (!session.destroyed && !isOver()) await turn();
  },
};

const FRAMES = 40 * SECONDS;

/** Runs the attack on four connections that are opened again when they are cut, with an honest camera in a process of its own beside it. */
async function honestBeside(service: ServiceProcess, attack: Attack) {
  const folder = emptyFolder();
  for (let i = 0; i < FRAMES; i++) writeFileSync(path.join(folder, `${i}.png`), await greyPng(i % 100, 16 + (i % 7)));
  const over = new AbortController();
  const isOver = () => over.signal.aborted;
  let connections = 0;
  const [host = '', port = ''] = service.addresses.grpc.split(':');
  // Not from the address of the honest camera.
  const createConnection = () => connect({ host, port: Number(port), localAddress: '127.0.0.2' });
  const attacker = async () => {
    while (!isOver()) {
      const session = connectHttp2(`http://${service.addresses.grpc}`, { createConnection });
      session.on('error', () => undefined);
      await new Promise((resolve) => session.once('connect', resolve).once('close', resolve));
      connections += 1;
      await attack(session, isOver).catch(() => undefined);
      session.destroy();
      await turn();
    }
  };
  const attackers = Array.from({ length: 4 }, attacker);
  const to = ['--grpc', service.addresses.grpc, '--camera', 'honest', '--fps', '20', '--json', folder];
  const sent = await loupe(['send', ...to]);
  over.abort();
  await Promise.all(attackers);
  const { summary } = JSON.parse(sent.stdout.trim().split('\n').at(-1) ?? '{}') as {
    summary: { latency_ms: { p50: number } };
  };
  return { code: sent.code, stderr: sent.stderr, summary, connections };
}

describe('a flood over gRPC', () => {
  it.each(Object.entries(ATTACKS))(
    'of %s leaves the service as it was and honest frames answered',
    async (name, attack) => {
      const service = await start(testSettings(emptyFolder()));
      const { code, stderr, summary, connections } = await honestBeside(service, attack);
      console.log(`flood of ${name} over ${connections} connections: ${JSON.stringify(summary)}`);
      expect([code, stderr]).toEqual([0, '']);
      expect(summary).toMatchObject({ answered: FRAMES, errors: 0 });
      // The attackers have the same two cores: what is asked is that nobody waits for seconds.
      expect(summary.latency_ms.p50).toBeLessThan(MAX_MEDIAN_MS);
      expect(service.child.exitCode).toBeNull();
      expect(total(await service.samples(), 'inspection_frames_in_flight')).toBe(0);
      expect((await service.get('/readyz')).status).toBe(200);
      expect((await service.end()).code).toBe(0);
    },
    120_000,
  );

  const NO_LIMIT: Plant = {
    file: 'ingest/grpc/http2-server.js',
    from: 'const MAX_CONCURRENT_CALLS = 100;',
    to: 'const MAX_CONCURRENT_CALLS = 100_000;',
  };

  /** How many calls a server takes at once on one connection, by what it says itself. */
  async function callsAtOnce(service: ServiceProcess): Promise<number> {
    const session = connectHttp2(`http://${service.addresses.grpc}`);
    const settings = await new Promise<{ maxConcurrentStreams?: number }>((resolve) => {
      session.once('remoteSettings', resolve);
    });
    session.destroy();
    return settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
  }

  it('meets a limit of calls on a connection, and twin: a door without one is found out', async () => {
    expect(await callsAtOnce(await start(testSettings(emptyFolder())))).toBe(100);
    const open = await start(testSettings(emptyFolder()), { bin: stage([NO_LIMIT]).bin });
    expect(await callsAtOnce(open)).toBeGreaterThan(100);
  }, 60_000);
});

describe('a crowd of connections that say nothing', () => {
  it('is held to the limit of the door, and honest frames are answered before and after', async () => {
    const service = await start(testSettings(emptyFolder()));
    const [host = '', port = ''] = service.addresses.grpc.split(':');
    const books = new Books('honest');
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    await books.send(sender, 'f1');
    let closed = 0;
    const crowd = Array.from({ length: 300 }, (): Socket => {
      const socket = connect(Number(port), host);
      socket.on('error', () => undefined).once('close', () => closed++);
      return socket.resume();
    });
    await expect.poll(() => closed, { timeout: 10_000 }).toBeGreaterThanOrEqual(101);
    expect(await books.send(sender, 'f2')).toMatchObject({ kind: 'answered' });
    for (const socket of crowd) socket.destroy();
    const later = await connectGrpcSender({ address: service.addresses.grpc });
    expect(await books.send(later, 'f3')).toMatchObject({ kind: 'answered' });
    await later.close();
    await sender.close();
  }, 60_000);
});
