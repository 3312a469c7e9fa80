/** The plant's broker frozen, killed, and killed with messages in its socket: every result reaches its reader. */

import mqtt from 'mqtt';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { Mosquitto, hasMosquitto } from '../support/mosquitto.ts';
import { emptyFolder, servicesOf, testSettings, total } from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { isLong, roundsOr, timeFor } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const rounds = isLong ? Math.min(30, roundsOr(1)) : 1;
const FRAMES = 20;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function outages(bin?: string): Promise<string[]> {
  const broker = await Mosquitto.create();
  onTestFinished(() => broker.remove());
  await broker.start();
  const store = emptyFolder();
  const settings = [...testSettings(store), `mqtt.url=${broker.url}`, 'mqtt.root=plant'];
  const service = await start(settings, bin === undefined ? {} : { bin });
  const books = new Books();
  const heard = new Set<string>();
  const reader = mqtt.connect(broker.url, {
    protocolVersion: 5,
    clientId: 'reader',
    clean: false,
    reconnectPeriod: 50,
    properties: { sessionExpiryInterval: 3600 },
  });
  reader.on('error', () => undefined);
  reader.on('message', (_topic, payload) => heard.add((JSON.parse(String(payload)) as { resultId: string }).resultId));
  await new Promise<void>((resolve) =>
    reader.once('connect', () => reader.subscribe('plant/+/result', { qos: 1 }, () => resolve())),
  );
  const send = () => books.sendMore(service.addresses.grpc, FRAMES);
  const missing = () => [...books.answered.values()].filter(({ resultId }) => !heard.has(resultId)).length;
  const emptyOutbox = async () => {
    const depth = async () => total(await service.samples(), 'inspection_outbox_depth');
    await expect.poll(depth, { timeout: 40_000 }).toBe(0);
    await pause(300);
  };
  for (let round = 0; round < rounds; round++) {
    broker.freeze();
    await send();
    await pause(isLong ? 1000 + Math.random() * 4000 : 300);
    broker.thaw();
    await emptyOutbox();
    // Frozen while idle, so that no acknowledged message is in the broker's hands alone when it is killed.
    broker.freeze();
    await send();
    await broker.stop('SIGKILL');
    await send();
    await broker.start();
    await emptyOutbox();
  }
  await expect
    .poll(missing, { timeout: 10_000 })
    .toBe(0)
    .catch(() => undefined);
  reader.end(true);
  await service.end();
  const lost = missing();
  return [...(lost === 0 ? [] : [`${lost} results never reached the reader`]), ...(await books.complaints(store))];
}

const LOSSY_OUTBOX: Plant = {
  file: 'publish/result-publisher.js',
  from: 'await this.ports.sink.publish(topic ??',
  to: 'this.ports.sink.publish(topic ?? `${this.options.root}/${cameraId}/result`, payload, options).catch(() => {});\n            if (this) return;\n            await this.ports.sink.publish(topic ??',
};

describe.skipIf(!hasMosquitto)('a broker frozen, thawed, frozen again and killed', () => {
  it(
    'loses no result, and no frame that came meanwhile over gRPC',
    async () => {
      expect(await outages()).toEqual([]);
    },
    timeFor(rounds * 4),
  );

  it(
    'twin: an outbox that forgets a message before its acknowledgement is found out',
    async () => {
      expect((await outages(stage([LOSSY_OUTBOX]).bin)).join('\n')).toMatch(/never reached the reader/);
    },
    timeFor(rounds * 4),
  );
});
