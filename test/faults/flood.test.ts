/** Connections that do harm by their number or their kind of frames: they are cut or held, and an honest camera is answered beside them. */

import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings } from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { honestBeside } from './support/honest.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const SECONDS = Math.min(20, roundsOr(2));
const ATTACKERS = 4;

const INSPECT = {
  ':method': 'POST',
  ':path': '/inspection.v1.InspectionService/Inspect',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** What an attacker does with one connection until it is cut. */
type Attack = (session: ClientHttp2Session, isOver: () => boolean) => Promise<void>;

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function resetCalls(session: ClientHttp2Session, isOver: () => boolean): Promise<void> {
  while (!session.destroyed && !session.closed && !isOver()) {
    for (let i = 0; i < 100; i++) {
      const call = session.request(INSPECT);
      call.on('error', () => undefined);
      call.close(constants.NGHTTP2_CANCEL);
    }
    await turn();
  }
}

const ATTACKS: Readonly<Record<string, Attack>> = {
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

/** Four connections, opened again whenever they are cut, from another address than the honest camera's. @returns how many were let in */
async function floodOf(service: ServiceProcess, attack: Attack, isOver: () => boolean) {
  const [host = '', port = ''] = service.addresses.grpc.split(':');
  const createConnection = () => connect({ host, port: Number(port), localAddress: '127.0.0.2' });
  const from = performance.now();
  let entered = 0;
  const attacker = async () => {
    while (!isOver()) {
      const session = connectHttp2(`http://${service.addresses.grpc}`, { createConnection });
      session.on('error', () => undefined).once('remoteSettings', () => entered++);
      await new Promise((resolve) => session.once('connect', resolve).once('close', resolve));
      await attack(session, isOver).catch(() => undefined);
      session.destroy();
      await turn();
    }
  };
  await Promise.all(Array.from({ length: ATTACKERS }, attacker));
  return { entered, seconds: (performance.now() - from) / 1000 };
}

const beside = (service: ServiceProcess, name: string, attack: Attack) =>
  honestBeside(service, { name, seconds: 2 * SECONDS, road: ['--grpc', service.addresses.grpc] }, (isOver) =>
    floodOf(service, attack, isOver),
  );

/** Beside a flood of calls that are reset: their address is turned away for two seconds each time. */
async function complaintsOfResets(bin?: string): Promise<string[]> {
  const service = await start(testSettings(emptyFolder()), bin === undefined ? {} : { bin });
  const { complaints, flooded } = await beside(service, 'calls that are reset', resetCalls);
  const { entered, seconds } = flooded;
  const mostOften = ATTACKERS * (1 + seconds / 2);
  if (entered > mostOften) complaints.push(`in ${seconds} s ${entered} connections were let in, at most ${mostOften}`);
  return complaints;
}

const NEVER_CUT: Plant = {
  file: 'ingest/grpc/floods.js',
  from: 'if (caller.left >= 0 ||',
  to: 'if (caller.left >= -Infinity ||',
};

describe('a flood over gRPC', () => {
  it('of calls that are reset is turned away, and honest frames are answered', { timeout: 120_000 }, async () => {
    expect(await complaintsOfResets()).toEqual([]);
  });

  it('twin: a door that never cuts who resets calls is found out', { timeout: 120_000 }, async () => {
    const complaints = await complaintsOfResets(stage([NEVER_CUT]).bin);
    expect(complaints.join('\n')).toMatch(/were let in|half of the honest frames took/);
  });

  it.each(Object.entries(ATTACKS))(
    'of %s leaves the service as it was and honest frames answered',
    async (name, attack) => {
      const service = await start(testSettings(emptyFolder()));
      expect((await beside(service, name, attack)).complaints).toEqual([]);
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
