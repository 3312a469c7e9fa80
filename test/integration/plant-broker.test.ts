/** The whole service as a client of a plant's own broker: a real Mosquitto. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { greyPng } from '../support/images.ts';
import { hasMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { emptyFolder, loupe, ServiceProcess, testSettings, total } from '../support/service-process.ts';

const PATIENT = { timeout: 15_000 };

describe.skipIf(!hasMosquitto)("the plant's own broker", () => {
  let broker: Mosquitto;
  let service: ServiceProcess;
  const store = emptyFolder();
  beforeAll(async () => {
    broker = await Mosquitto.create();
    await broker.start();
  });
  afterEach(() => service.end('SIGKILL'));
  afterAll(() => broker.remove());

  const settings = () => [...testSettings(store), `mqtt.url=${broker.url}`, 'mqtt.root=plant/line-1'];

  it('brings frames and takes results, from its own tools too', async () => {
    service = await ServiceProcess.start(settings());
    expect(service.addresses.mqtt).toBe(broker.url);
    const folder = emptyFolder();
    for (let i = 0; i < 20; i++) writeFileSync(path.join(folder, `p${i}.png`), await greyPng(i * 12));
    const sent = await loupe([
      'send',
      '--mqtt',
      broker.url,
      '--root',
      'plant/line-1',
      '--camera',
      'cam-1',
      '--json',
      folder,
    ]);
    expect(sent.code).toBe(0);
    expect(JSON.parse(sent.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      summary: { answered: 20, errors: 0 },
    });

    const heard: Record<string, unknown>[] = [];
    const reader = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
    reader.on('message', (_topic, payload) => heard.push(JSON.parse(String(payload)) as Record<string, unknown>));
    await reader.subscribeAsync('plant/line-1/cam-2/result', { qos: 1 });
    const picture = path.join(folder, 'p19.png');
    const publish = ['-p', String(broker.port), '-q', '1', '-t', 'plant/line-1/cam-2/frame', '-f', picture];
    const named = [
      '-V',
      '5',
      '-D',
      'publish',
      'user-property',
      'frame-id',
      'four-7',
      '-D',
      'publish',
      'user-property',
      'part-id',
      'x',
    ];
    execFileSync('mosquitto_pub', [...publish, ...named]);
    await expect.poll(() => heard.length, PATIENT).toBe(1);
    expect(heard[0]).toMatchObject({ frameId: 'four-7', partId: 'x', verdict: 'FAIL', cameraId: 'cam-2' });
    execFileSync('mosquitto_pub', publish);
    await expect.poll(() => heard.length, PATIENT).toBe(2);
    expect(heard[1]).toMatchObject({
      frameId: expect.stringMatching(/^sha256-[0-9a-f]{40}$/) as string,
      duplicate: false,
    });
    await reader.endAsync();
  });

  it('that takes results and lets nobody subscribe to frames is not called connected', async () => {
    // Mosquitto's ACL file says nothing of subscriptions; other brokers refuse them.
    const oneWay = await Aedes.createBroker({ authorizeSubscribe: (_client, _subscription, done) => done(null, null) });
    const server = createServer((socket) => void oneWay.handle(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      service = await ServiceProcess.start([...testSettings(emptyFolder()), `mqtt.url=${url}`, 'mqtt.connections=1']);
      const ready = async () => (await service.get('/readyz')).text;
      await expect.poll(ready, PATIENT).toMatch(/"part":"mqtt","detail":"Subscribe error: /);
      expect((await service.samples()).get('inspection_mqtt_connected')).toBe(0);
    } finally {
      await service.end('SIGKILL');
      await new Promise<void>((resolve) => oneWay.close(() => resolve()));
      server.close();
    }
  });

  it('that ends the connection over status and state gets every result all the same', async () => {
    const strict = await Aedes.createBroker({
      authorizePublish: (client, { topic }, done) => {
        if (!/^loupe\/(status|.+\/state)$/.test(topic)) return done(null);
        client?.conn.destroy();
        done(new Error('not allowed'));
      },
    });
    const server = createServer((socket) => void strict.handle(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let connections = 0;
    strict.on('client', () => (connections += 1));
    const heard: string[] = [];
    strict.on('publish', ({ topic, payload }) => {
      if (topic.endsWith('/result')) heard.push((JSON.parse(String(payload)) as { frameId: string }).frameId);
    });
    try {
      service = await ServiceProcess.start([...testSettings(emptyFolder()), `mqtt.url=${url}`, 'mqtt.connections=1']);
      const sender = await connectGrpcSender({ address: service.addresses.grpc });
      const send = async (n: number) => {
        const bytes = await greyPng(n % 200);
        const frame = {
          cameraId: 'cam-1',
          frameId: `f${n}`,
          bytes,
          contentType: null,
          capturedAt: null,
          sequence: null,
        };
        expect(await sender.send({ ...frame, isSimulated: false })).toMatchObject({ kind: 'answered' });
      };
      const leftOut = () => service.log.flatMap(({ event, topic }) => (event === 'topic_left_out' ? [topic] : []));
      let sent = 0;
      await expect
        .poll(async () => {
          await send(++sent);
          return leftOut();
        }, PATIENT)
        .toEqual(['loupe/status', 'loupe/+/state']);
      await expect.poll(() => new Set(heard).size, PATIENT).toBe(sent);
      const before = connections;
      for (let n = 0; n < 20; n++) await send(++sent);
      await expect.poll(() => new Set(heard).size, PATIENT).toBe(sent);
      expect(connections).toBe(before);
      await sender.close();
    } finally {
      await service.end('SIGKILL');
      await new Promise<void>((resolve) => strict.close(() => resolve()));
      server.close();
    }
  });

  it('may die and come back: gRPC goes on, results wait, in order, and the last will tells of a killed service', async () => {
    service = await ServiceProcess.start(settings());
    // Subscribed before the broker dies, in a session that it keeps: what is published before the reader is back waits for it.
    const reader = mqtt.connect(broker.url, {
      protocolVersion: 5,
      reconnectPeriod: 50,
      clientId: 'reader',
      clean: false,
      properties: { sessionExpiryInterval: 3600 },
    });
    reader.on('error', () => undefined);
    const heard: string[] = [];
    const statuses: string[] = [];
    reader.on('message', (topic, payload) => {
      const message = JSON.parse(String(payload)) as { frameId: string; status: string };
      if (topic.endsWith('/status')) statuses.push(message.status);
      else heard.push(message.frameId);
    });
    await reader.subscribeAsync(['plant/line-1/cam-3/result', 'plant/line-1/status'], { qos: 1 });
    await expect.poll(() => statuses.at(-1), PATIENT).toBe('online');
    await broker.stop('SIGKILL');
    await expect.poll(async () => (await service.samples()).get('inspection_mqtt_connected'), PATIENT).toBe(0);
    const ready = await service.get('/readyz');
    expect([ready.status, ready.text]).toEqual([200, expect.stringContaining('"part":"mqtt"')]);
    // What the killed service before had sent may not have been taken out yet: it counts as waiting, and is sent once more.
    const waiting = total(await service.samples(), 'inspection_outbox_depth');
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    for (let i = 0; i < 30; i++) {
      const bytes = await greyPng(i);
      const frame = { cameraId: 'cam-3', frameId: `f${i}`, bytes, contentType: null, capturedAt: null, sequence: null };
      expect(await sender.send({ ...frame, isSimulated: false })).toMatchObject({ kind: 'answered', verdict: 'PASS' });
    }
    await sender.close();
    expect(total(await service.samples(), 'inspection_outbox_depth')).toBe(waiting + 30);

    await broker.start();
    await expect.poll(() => new Set(heard).size, { timeout: 25_000 }).toBe(30);
    expect([...new Set(heard)]).toEqual(Array.from({ length: 30 }, (_, i) => `f${i}`));
    await expect.poll(async () => total(await service.samples(), 'inspection_outbox_depth'), PATIENT).toBe(0);
    await expect.poll(() => statuses.at(-1), PATIENT).toBe('online');
    await service.end('SIGKILL');
    await expect.poll(() => statuses.at(-1), PATIENT).toBe('offline');
    await reader.endAsync(true);
    expect((await verifyStore(store)).findings).toEqual([]);
  }, 60_000);
});
