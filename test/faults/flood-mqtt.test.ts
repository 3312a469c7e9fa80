/** Cameras that publish as if there were no line, without a pause: memory is bounded, and a camera that behaves is answered beside them. */

import mqtt, { type IClientPublishOptions, type MqttClient } from 'mqtt';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { greyPng } from '../support/images.ts';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings, total } from '../support/service-process.ts';
import { honestBeside } from './support/honest.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

const SECONDS = Math.min(30, roundsOr(4));
const FLOODERS = 4;
/** Messages of one connection that wait for their acknowledgement. */
const UNDER_WAY = 200;
const MESSAGE_BYTES = 1024 * 1024;
/** Of four frames and an honest camera's, repeated or not. */
const MAX_WAITING = 500;
/** The heap may grow to three times what is alive: at 70,000 frames in half a minute it levels off 240 to 280 MB above where it began. */
const MAX_GROWTH_BYTES = 384 * 1024 * 1024;

/** The id and the bytes of message number `index`, and what is asked for with it, which takes MQTT 5. */
type Message = (
  index: number,
  picture: Buffer,
) => { readonly frameId: string; readonly payload: Buffer; readonly asks?: IClientPublishOptions['properties'] };

const REPEATS = 'one frame again and again';

const FLOODS: Readonly<Record<string, Message>> = {
  'frames faster than the line can judge': (index, picture) => ({ frameId: `f${index}`, payload: picture }),
  [REPEATS]: (_index, picture) => ({ frameId: 'always-the-same', payload: picture }),
  'one frame again and again, each time with an answer of its own': (index, picture) => ({
    frameId: 'always-the-same',
    payload: picture,
    asks: { responseTopic: 'plc/answers', correlationData: Buffer.from(String(index)) },
  }),
  'messages beyond the limit': (index) => ({ frameId: `f${index}`, payload: Buffer.alloc(MESSAGE_BYTES + 100_000) }),
};

async function floodOf(service: ServiceProcess, message: Message, isOver: () => boolean) {
  const picture = Buffer.from(await greyPng(20));
  let published = 0;
  let acknowledged = 0;
  const flooder = async (n: number) => {
    while (!isOver()) {
      // 3.1.1: a client of MQTT 5 keeps to the size that the broker names.
      const protocolVersion = message(0, picture).asks === undefined ? 4 : 5;
      const client: MqttClient = mqtt.connect(service.addresses.mqtt ?? '', { protocolVersion, reconnectPeriod: 0 });
      client.on('error', () => undefined);
      const cut = new AbortController();
      const closed = new Promise<void>((resolve) => client.once('close', resolve)).then(() => cut.abort());
      const lane = async () => {
        while (!isOver() && !cut.signal.aborted) {
          const { frameId, payload, asks } = message(published++, picture);
          const topic = `loupe/flooder-${n}/frame/${frameId}`;
          const sent = client
            .publishAsync(topic, payload, { qos: 1, ...(asks === undefined ? {} : { properties: asks }) })
            .then(
              () => acknowledged++,
              () => undefined,
            );
          await Promise.race([sent, closed]);
        }
      };
      await Promise.race([new Promise((resolve) => client.once('connect', resolve)), closed]);
      await Promise.race([Promise.all(Array.from({ length: UNDER_WAY }, lane)), closed]);
      client.end(true);
    }
  };
  const waiting = async () => total(await service.samples(), 'inspection_outbox_depth');
  // While it goes on: a quick machine has sent everything a moment after the last frame came.
  let deepest = 0;
  const watching = (async () => {
    for (; !isOver(); await sleep(100)) deepest = Math.max(deepest, await waiting());
  })();
  await Promise.all([watching, ...Array.from({ length: FLOODERS }, (_, n) => flooder(n))]);
  return { published, acknowledged, waiting: await waiting(), deepest };
}

async function complaintsOf(name: string, seconds = SECONDS, bin?: string): Promise<string[]> {
  const limits = [`limits.message_bytes=${MESSAGE_BYTES}`, 'store.images.keep=none'];
  const service = await start([...testSettings(emptyFolder()), ...limits], bin === undefined ? {} : { bin });
  const named = { name, seconds, road: ['--mqtt', service.addresses.mqtt ?? ''] };
  const { complaints, growthBytes, flooded } = await honestBeside(service, named, (isOver) =>
    floodOf(service, FLOODS[name] as Message, isOver),
  );
  const samples = await service.samples();
  if (growthBytes > MAX_GROWTH_BYTES) complaints.push(`memory grew by ${growthBytes} bytes`);
  const received = total(samples, 'inspection_frames_received_total');
  const outcomes = total(samples, 'inspection_frames_total');
  if (name === REPEATS && flooded.deepest > MAX_WAITING) complaints.push(`${flooded.deepest} results wait to be sent`);
  if (received !== outcomes) complaints.push(`received ${received}, outcomes ${outcomes}`);
  return complaints;
}

const ANSWERS_EVERY_REPEAT: Plant = {
  file: 'record/outbox.js',
  from: 'const fresh = deliveries.filter((delivery) => !this.repeats.has(repeatKey(resultId, delivery)));',
  to: 'const fresh = deliveries;',
};

describe('a flood over MQTT', () => {
  it.each(Object.keys(FLOODS))(
    'of %s leaves memory bounded and honest frames answered',
    async (name) => {
      expect(await complaintsOf(name)).toEqual([]);
    },
    120_000,
  );

  it('twin: an outbox that takes in every repeat of an answer is found out', { timeout: 180_000 }, async () => {
    expect((await complaintsOf(REPEATS, 1, stage([ANSWERS_EVERY_REPEAT]).bin)).join('\n')).toMatch(
      /results wait to be sent|half of the honest frames/,
    );
  });
});
