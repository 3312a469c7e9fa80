/** Against a real Mosquitto. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SYSTEM_CLOCK } from '../../../src/ingest/intake.ts';
import { FrameHandler } from '../../../src/ingest/mqtt/frame-handler.ts';
import { PlantClient, type PlantClientEvent } from '../../../src/ingest/mqtt/plant-client.ts';
import { Topics } from '../../../src/ingest/mqtt/topics.ts';
import { answered, deferred, FakeInspector } from '../../support/inspectors.ts';
import { hasMosquitto, Mosquitto } from '../../support/mosquitto.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const image = Buffer.from('image');
const TAKEN_OVER =
  'the broker ended the connection: Session taken over: another client has this client id (mqtt.client_id)';
const soon = { timeout: 8000, interval: 20 };

describe.skipIf(!hasMosquitto)('PlantClient', () => {
  let mosquitto: Mosquitto;
  let proxy: TcpProxy;
  let inspector: FakeInspector;
  let frames: FrameHandler;
  let client: PlantClient;
  let events: PlantClientEvent[];
  let retained: number;

  beforeEach(async () => {
    mosquitto = await Mosquitto.create();
    await mosquitto.start();
    proxy = new TcpProxy(mosquitto.port);
    await proxy.start();
    inspector = new FakeInspector();
    events = [];
    retained = 0;
    make(1);
  });

  afterEach(async () => {
    await Promise.all([frames.stop(), client.stop()]);
    await proxy.stop();
    await mosquitto.remove();
  });

  function make(connections: number, port = proxy.port): void {
    const topics = new Topics('loupe');
    frames = new FrameHandler(
      { topics, maxMessageBytes: 100_000, retryMs: 20 },
      {
        inspector,
        countRefused: () => undefined,
        reply: () => undefined,
        onRetained: () => {
          retained += 1;
        },
        clock: SYSTEM_CLOCK,
      },
    );
    client = new PlantClient(
      {
        url: `mqtt://127.0.0.1:${port}`,
        clientId: 'loupe',
        username: null,
        password: null,
        tls: { ca: null, cert: null, key: null },
        topics,
        connections,
        maxMessageBytes: 100_000,
        reconnectMs: 20,
        onEvent: (event) => events.push(event),
      },
      frames,
    );
  }

  const connectedTimes = () => events.filter(({ kind }) => kind === 'plant_connected').length;

  async function send(...frameIds: string[]): Promise<void> {
    const camera = await connectAsync(mosquitto.url, {}, false);
    for (const id of frameIds) await camera.publishAsync(`loupe/cam-1/frame/${id}`, image, { qos: 1 });
    await camera.endAsync();
  }

  it('takes frames one after the other, each acknowledged after its commit', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await send('f1', 'f2', 'f3');
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1', 'f2', 'f3']), soon);
  });

  it('is sent a frame again whose connection ended before the acknowledgement; a late commit acknowledges no other', async () => {
    const commits = [deferred<void>(), deferred<void>()];
    inspector.answer = async (frame) => {
      await commits[inspector.frames.length - 1]?.promise;
      return answered(frame);
    };
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await send('f1');
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1']), soon);
    proxy.cut();
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1', 'f1']), soon);
    // The first connection's frame commits now, while the second connection holds the same packet id.
    commits[0]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    commits[1]?.resolve();
    // Had it acknowledged on the new connection, nothing would come a third time.
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1', 'f1', 'f1']), soon);
    await send('f2');
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1', 'f1', 'f1', 'f2']), soon);
  });

  it('keeps a frame at the broker while the store is away', async () => {
    let isStoreBack = false;
    inspector.answer = (frame) =>
      isStoreBack ? answered(frame) : { kind: 'refused', code: 'store_unavailable', message: 'full' };
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await send('f1', 'f2');
    await vi.waitFor(() => expect(inspector.frames.length).toBeGreaterThan(2), soon);
    expect(new Set(inspector.frameIds)).toEqual(new Set(['f1']));
    isStoreBack = true;
    await vi.waitFor(() => expect(inspector.frameIds.at(-1)).toBe('f2'), soon);
  });

  it('finds the frames that came while it was away', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await Promise.all([frames.stop(), client.stop()]);
    await send('f1', 'f2');
    make(1);
    client.start();
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1', 'f2']), soon);
  });

  it('comes back to a broker that was restarted', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await mosquitto.stop('SIGKILL');
    await vi.waitFor(() => expect(client.isConnected).toBe(false), soon);
    await mosquitto.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await send('f1');
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1']), soon);
  });

  it('says why the broker ended a connection: another station has its client id', async () => {
    // Mosquitto 2.0 just closes; aedes says why.
    const broker = await Aedes.createBroker();
    const server = createServer((socket) => broker.handle(socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    make(1, port);
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    const thief = await connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: 'loupe-0', reconnectPeriod: 0 }, false);
    const told = () => events.find(({ kind }) => kind === 'plant_disconnected');
    await vi.waitFor(() => expect(told()).toMatchObject({ message: TAKEN_OVER }), soon);
    await thief.endAsync(true);
    await client.stop();
    server.close();
    await new Promise<void>((resolve) => broker.close(resolve));
  });

  it('stops beside a broker that answers nothing', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    mosquitto.freeze();
    await client.stop();
    expect(client.isConnected).toBe(false);
  });

  it('starts with the broker away', async () => {
    await mosquitto.stop();
    client.start();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(2), soon);
    await mosquitto.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
  });

  it('shares the frames between its connections: one that waits does not hold up the others, none comes twice', async () => {
    make(3);
    const first = deferred<void>();
    inspector.answer = async (frame) => {
      if (inspector.frames.length === 1) await first.promise;
      return answered(frame);
    };
    client.start();
    await vi.waitFor(() => expect(connectedTimes()).toBe(3), soon);
    await send('f1', 'f2', 'f3', 'f4', 'f5', 'f6');
    await vi.waitFor(() => expect(inspector.frames.length).toBeGreaterThanOrEqual(4), soon);
    first.resolve();
    await vi.waitFor(() => expect(inspector.frameIds.toSorted()).toEqual(['f1', 'f2', 'f3', 'f4', 'f5', 'f6']), soon);
  });

  it('asks the broker for no more at once than it can hold, and loses none of the rest', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    const gate = deferred<void>();
    inspector.answer = async (frame) => {
      await gate.promise;
      return answered(frame);
    };
    const sender = await connectAsync(mosquitto.url, { protocolVersion: 5 });
    const ids = Array.from({ length: 30 }, (_, index) => `f${index}`);
    for (const id of ids) await sender.publishAsync(`loupe/cam-1/frame/${id}`, image, { qos: 1 });
    expect(inspector.frameIds.length).toBeLessThanOrEqual(1);
    gate.resolve();
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(ids), soon);
    await sender.endAsync();
  });

  it('is not sent a packet beyond its limit, and goes on with the next', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    const sender = await connectAsync(mosquitto.url, { protocolVersion: 5 });
    await sender.publishAsync('loupe/cam-1/frame/huge', Buffer.alloc(300_000), { qos: 1 });
    await sender.publishAsync('loupe/cam-1/frame/next', image, { qos: 1 });
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['next']), soon);
    expect(events.filter((event) => event.kind === 'plant_disconnected')).toEqual([]);
    await sender.endAsync();
  });

  it('takes a frame whole whose connection ended half-way through its packet', async () => {
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    // The CONNACK and SUBACK have passed: what comes next is the frame.
    proxy.cutAfter(40_000);
    const sender = await connectAsync(mosquitto.url, { protocolVersion: 5 });
    const large = Buffer.alloc(90_000, 7);
    await sender.publishAsync('loupe/cam-1/frame/large', large, { qos: 1 });
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['large']), soon);
    expect(inspector.frames[0]?.image.bytes).toHaveLength(large.length);
    expect(events.filter((event) => event.kind === 'plant_disconnected')).toHaveLength(1);
    await sender.endAsync();
  });

  it('falls back to 3.1.1 where the broker refuses version 5, and takes the frames there', async () => {
    proxy.refuseVersion5();
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    const sender = await connectAsync(mosquitto.url, { protocolVersion: 4 });
    await sender.publishAsync('loupe/cam-1/frame/old', image, { qos: 1 });
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['old']), soon);
    expect(proxy.refused).toBe(1);
    await sender.endAsync();
  });

  it('never inspects a retained frame', async () => {
    const camera = await connectAsync(mosquitto.url, {}, false);
    await camera.publishAsync('loupe/cam-1/frame/old', image, { qos: 1, retain: true });
    await camera.endAsync();
    client.start();
    await vi.waitFor(() => expect(client.isConnected).toBe(true), soon);
    await send('new');
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['new']), soon);
    expect(retained).toBe(0);
  });
});
