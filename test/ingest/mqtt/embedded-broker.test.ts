/** Real cameras (mqtt.js, both versions) at the real embedded broker. */

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Authority } from '../../support/authority.ts';
import { connect, connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectMqttSender } from '../../../src/client/mqtt-sender.ts';
import { SYSTEM_CLOCK } from '../../../src/ingest/intake.ts';
import { EmbeddedBroker } from '../../../src/ingest/mqtt/embedded-broker.ts';
import { FrameHandler } from '../../../src/ingest/mqtt/frame-handler.ts';
import { Topics } from '../../../src/ingest/mqtt/topics.ts';
import type { Right } from '../../../src/frame/people.ts';
import { answered, deferred, FakeInspector } from '../../support/inspectors.ts';

const USERS: Readonly<Record<string, readonly Right[]>> = {
  cam: ['ingest'],
  reader: ['read'],
  all: ['ingest', 'read'],
};
const image = Buffer.from('image');

let inspector: FakeInspector;
let broker: EmbeddedBroker;
let url: string;
let retained = 0;
const clients: MqttClient[] = [];

beforeEach(async () => {
  inspector = new FakeInspector();
  retained = 0;
  const topics = new Topics('loupe');
  const frames = new FrameHandler(
    { topics, maxMessageBytes: 100_000 },
    {
      inspector,
      countRefused: () => undefined,
      reply: ({ topic, payload, correlationData }) =>
        void broker.publish(topic, payload, { qos: 1, retain: false, correlationData }),
      onRetained: () => {
        retained += 1;
      },
      clock: SYSTEM_CLOCK,
    },
  );
  broker = new EmbeddedBroker(
    { host: '127.0.0.1', port: 0, tls: null, topics, maxMessageBytes: 100_000, maxClients: 5 },
    {
      frames,
      countRefused: () => undefined,
      login: (name, password) => (password === 'secret' ? (USERS[name ?? ''] ?? null) : null),
    },
  );
  url = `mqtt://127.0.0.1:${(await broker.start()).port}`;
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await broker.stop();
});

async function client(username: string, over: IClientOptions = {}): Promise<MqttClient> {
  const made = await connectAsync(
    url,
    { username, password: 'secret', protocolVersion: 5, reconnectPeriod: 0, ...over },
    false,
  );
  made.on('error', () => undefined);
  clients.push(made);
  return made;
}

function heardBy(reader: MqttClient): { topic: string; text: string; correlation: string | undefined }[] {
  const heard: { topic: string; text: string; correlation: string | undefined }[] = [];
  reader.on('message', (topic, payload, packet) =>
    heard.push({ topic, text: payload.toString(), correlation: packet.properties?.correlationData?.toString() }),
  );
  return heard;
}

describe.each([4, 5] as const)('a camera on MQTT version %i', (protocolVersion) => {
  it('gets its PUBACK after the commit, not before', async () => {
    const commit = deferred<void>();
    inspector.answer = async (frame) => {
      await commit.promise;
      return answered(frame);
    };
    const camera = await client('cam', { protocolVersion });
    let isAcknowledged = false;
    const sent = camera.publishAsync('loupe/cam-1/frame/f1', image, { qos: 1 }).then(() => {
      isAcknowledged = true;
    });
    await vi.waitFor(() => expect(inspector.frameIds).toEqual(['f1']));
    expect(isAcknowledged).toBe(false);
    commit.resolve();
    await sent;
  });

  it('gets no PUBACK when the store is away', async () => {
    inspector.answer = () => ({ kind: 'refused', code: 'store_unavailable', message: 'full' });
    const camera = await client('cam', { protocolVersion });
    let isAcknowledged = false;
    camera.publish('loupe/cam-1/frame/f1', image, { qos: 1 }, (error) => {
      isAcknowledged = !error;
    });
    await vi.waitFor(() => expect(inspector.frames).toHaveLength(2), { timeout: 5000 });
    expect(isAcknowledged).toBe(false);
  });
});

describe('the embedded broker', () => {
  it('keeps images from subscribers', async () => {
    const reader = await client('all');
    const heard = heardBy(reader);
    await reader.subscribeAsync('#', { qos: 1 });
    await reader.publishAsync('loupe/cam-1/frame/f1', image, { qos: 1 });
    await broker.publish('loupe/cam-1/result', 'last', { qos: 1, retain: false });
    await vi.waitFor(() => expect(heard.map(({ topic }) => topic)).toEqual(['loupe/cam-1/result']));
  });

  it('hands user properties and the response topic on', async () => {
    const camera = await client('cam');
    const properties = {
      responseTopic: 'loupe/reply/me',
      correlationData: Buffer.from('c1'),
      userProperties: { 'part-id': 'p9', 'frame-id': 'f9' },
    };
    await camera.publishAsync('loupe/cam-1/frame', image, { qos: 1, properties });
    expect(inspector.frames[0]).toMatchObject({ frameId: 'f9', partId: 'p9' });
    expect(inspector.deliveries).toMatchObject([[{ topic: 'loupe/reply/me', correlationData: Buffer.from('c1') }]]);
  });

  it('refuses a bad frame by reason code on 5, and acknowledges it on 3.1.1 where it would come for ever', async () => {
    const reader = await client('reader');
    const heard = heardBy(reader);
    await reader.subscribeAsync('loupe/+/error');
    const properties = { userProperties: { sequence: 'x' } };
    const camera = await client('cam');
    await expect(camera.publishAsync('loupe/cam-1/frame', image, { qos: 1, properties })).rejects.toMatchObject({
      code: 0x87,
    });
    const old = await client('cam', { protocolVersion: 4 });
    await old.publishAsync('loupe/cam-2/frame/-bad', image, { qos: 1 });
    await old.publishAsync('loupe/cam-3/request', Buffer.from([255]), { qos: 1 });
    const errors = ['loupe/cam-1/error', 'loupe/cam-2/error', 'loupe/cam-3/error'];
    await vi.waitFor(() => expect(heard.map(({ topic }) => topic)).toEqual(errors));
    expect(JSON.parse(heard[1]?.text ?? '')).toMatchObject({ cameraId: 'cam-2', frameId: '-bad' });
  });

  it('ignores and counts a retained frame', async () => {
    const camera = await client('cam', { protocolVersion: 4 });
    await camera.publishAsync('loupe/cam-1/frame/f1', image, { qos: 1, retain: true });
    expect([retained, inspector.frames.length]).toEqual([1, 0]);
  });

  it('lets nobody in without the right password', async () => {
    await expect(client('cam', { password: 'wrong' })).rejects.toThrow();
    await expect(client('nobody')).rejects.toThrow();
  });

  it('lets only a camera send, only a reader read, and nobody speak for Loupe', async () => {
    const reader = await client('reader');
    await expect(reader.publishAsync('loupe/cam-1/frame', image, { qos: 1 })).rejects.toMatchObject({ code: 0x87 });
    const camera = await client('cam');
    for (const topic of ['loupe/cam-1/result', 'loupe/cam-1/state', 'loupe/status', 'loupe/cam-1/error', 'other']) {
      await expect(camera.publishAsync(topic, 'PASS', { qos: 1 })).rejects.toMatchObject({ code: 0x87 });
    }
    const refused = await camera.subscribeAsync('loupe/+/result').catch((error: Error) => error.message);
    expect(JSON.stringify(refused)).toMatch(/128|135|Unspecified|authorized/i);
    expect(inspector.frames).toEqual([]);
  });

  it('keeps nothing for a session that is away, least of all what it may not read', async () => {
    const session = { clientId: 'away', clean: false, properties: { sessionExpiryInterval: 3600 } };
    const away = await client('cam', session);
    await away.subscribeAsync(['loupe/reply/x', 'loupe/+/result'], { qos: 1 }).catch(() => undefined);
    await away.endAsync(true);
    await broker.publish('loupe/cam-1/result', '{}', { qos: 1, retain: false });
    await broker.publish('loupe/reply/x', '{}', { qos: 1, retain: false });
    const back = connect(url, {
      username: 'cam',
      password: 'secret',
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...session,
    });
    clients.push(back);
    const heard = heardBy(back);
    await new Promise<void>((resolve) => back.once('connect', () => resolve()));
    await broker.publish('loupe/reply/x', 'now', { qos: 1, retain: false });
    await vi.waitFor(() => expect(heard.map(({ text }) => text)).toContain('now'));
    expect(heard).toHaveLength(1);
  });

  it.each([
    { protocolVersion: 4, clean: false },
    { protocolVersion: 5, clean: true, properties: { sessionExpiryInterval: 3600 } },
  ] as const)('grants QoS 0 to a session that outlives its connection, as it is served: %j', async (session) => {
    const reader = await client('reader', { clientId: 'kept', ...session });
    const [granted] = await reader.subscribeAsync('loupe/+/result', { qos: 1 });
    expect(granted?.qos).toBe(0);
    const qos = new Promise<number>((resolve) =>
      reader.once('message', (_topic, _payload, packet) => resolve(packet.qos)),
    );
    await broker.publish('loupe/cam-1/result', '{}', { qos: 1, retain: false });
    expect(await qos).toBe(0);
    const [plain] = await (await client('reader')).subscribeAsync('loupe/+/result', { qos: 1 });
    expect(plain?.qos).toBe(1);
  });

  it('cuts off a packet above the limit', async () => {
    const camera = await client('cam', { protocolVersion: 4 });
    const closed = new Promise((resolve) => camera.once('close', () => resolve('closed')));
    camera.publish('loupe/cam-1/frame/f1', Buffer.alloc(400_000), { qos: 1 }, () => undefined);
    expect(await closed).toBe('closed');
    expect(inspector.frames).toEqual([]);
  });

  it('takes a bounded number of clients', async () => {
    for (let n = 0; n < 5; n += 1) await client('cam');
    await expect(client('cam', { connectTimeout: 500 })).rejects.toThrow();
  });
});

describe('the sender', () => {
  it.each([4, 5] as const)('gets answers and refusals on version %i', async (protocolVersion) => {
    inspector.answer = (frame) => {
      if (frame.frameId === 'no') return { kind: 'refused', code: 'frame_id_conflict', message: 'other bytes' };
      const outcome = answered(frame);
      const answer = JSON.stringify({
        cameraId: frame.cameraId,
        frameId: frame.frameId,
        resultId: 'r1',
        verdict: 'PASS',
        defectProbability: 0.1,
        reason: null,
        duplicate: false,
      });
      const [delivery] = inspector.deliveries.at(-1) ?? [];
      void broker.publish(delivery?.topic ?? 'loupe/cam-1/result', answer, {
        qos: 1,
        retain: false,
        correlationData: delivery?.correlationData ?? null,
      });
      return outcome;
    };
    const sender = await connectMqttSender({
      url,
      root: 'loupe',
      username: protocolVersion === 5 ? 'cam' : 'all',
      password: 'secret',
      protocolVersion,
      timeoutMs: 5000,
    });
    const frame = {
      cameraId: 'cam-1',
      bytes: image,
      contentType: 'image/jpeg',
      capturedAt: 1_790_000_000_000,
      sequence: 3n,
      isSimulated: true,
    };
    expect(await sender.send({ ...frame, frameId: 'f1' })).toMatchObject({
      kind: 'answered',
      verdict: 'PASS',
      resultId: 'r1',
    });
    expect(await sender.send({ ...frame, frameId: 'no' })).toMatchObject({ kind: 'error', code: 'frame_id_conflict' });
    await sender.close();
  });

  it('gives a frame up that the broker cuts it off for, and sends the next', async () => {
    const sender = await connectMqttSender({
      url,
      root: 'loupe',
      username: 'all',
      password: 'secret',
      protocolVersion: 4,
      timeoutMs: 1500,
    });
    inspector.answer = (frame) => {
      const answer = JSON.stringify({ cameraId: 'cam-1', frameId: frame.frameId, resultId: 'r', verdict: 'PASS' });
      void broker.publish('loupe/cam-1/result', answer, { qos: 1, retain: false });
      return answered(frame);
    };
    const frame = { cameraId: 'cam-1', contentType: null, capturedAt: null, sequence: null, isSimulated: false };
    const large = await sender.send({ ...frame, frameId: 'large', bytes: Buffer.alloc(400_000) });
    expect(large).toMatchObject({ kind: 'error', code: 'no_answer' });
    await vi.waitFor(
      async () =>
        expect(await sender.send({ ...frame, frameId: 'f1', bytes: image })).toMatchObject({ kind: 'answered' }),
      { timeout: 10_000 },
    );
    await sender.close();
  });

  it('says so when no broker answers', async () => {
    await expect(connectMqttSender({ url: 'mqtt://127.0.0.1:1', root: 'loupe' })).rejects.toThrow(/no broker answers/);
  });

  it('says so when the broker knows neither name nor password', async () => {
    for (const protocolVersion of [4, 5] as const) {
      const wrong = { url, root: 'loupe', username: 'cam', password: 'wrong', protocolVersion };
      await expect(connectMqttSender(wrong)).rejects.toThrow(
        /^the broker at mqtt:.* lets nobody in so: Bad User ?name or Password$/i,
      );
    }
  });
});

describe('the embedded broker over TLS', () => {
  it('cuts a connection that never shakes hands', async () => {
    const { cert, key } = new Authority().server();
    const topics = new Topics('loupe');
    const options = { host: '127.0.0.1', port: 0, maxMessageBytes: 1000, maxClients: 5, handshakeMs: 100 };
    const frames = new FrameHandler(
      { topics, maxMessageBytes: 1000 },
      {
        inspector,
        countRefused: () => undefined,
        reply: () => undefined,
        onRetained: () => undefined,
        clock: SYSTEM_CLOCK,
      },
    );
    const ports = { frames, countRefused: () => undefined, login: () => null };
    const secure = new EmbeddedBroker(
      { ...options, tls: { cert, key, clientCa: null, refused: new Set() }, topics },
      ports,
    );
    const { port } = await secure.start();
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'close');
    await secure.stop();
  });
});
