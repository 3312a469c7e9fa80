/** SIGTERM under load, again and again on one store. `npm run faults -- --rounds 100` is the long form: 200 times. */

import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { StoreReader } from '../../src/record/store-reader.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings, TWO_ENGINES } from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { isLong, roundsOr, timeFor } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const rounds = isLong ? 2 * roundsOr(100) : 2;
const LONGEST_END_MS = 10_000;
const MQTT_CAMERA = 'cam-2';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What was not as it should be in `count` lives of a service that is told to end while frames come by gRPC and MQTT. */
async function endings(count: number, bin?: string): Promise<string[]> {
  const store = emptyFolder();
  const books = new Books();
  const acknowledged = new Set<string>();
  const found: string[] = [];
  for (let round = 0; round < count; round++) {
    const service = await start([...testSettings(store), TWO_ENGINES], bin === undefined ? {} : { bin });
    const engines = service.engines;
    const stop = new AbortController();
    const before = books.answered.size;
    const sending = books.sendUntil(service.addresses.grpc, stop.signal);
    const publishing = publishUntil(String(service.addresses.mqtt), round, acknowledged, stop.signal);
    await expect.poll(() => books.answered.size, { timeout: 20_000, interval: 5 }).toBeGreaterThan(before + 5);
    await pause(Math.random() * 150);
    const toldAt = performance.now();
    const { code, signal } = await service.end('SIGTERM');
    const tookMs = Math.round(performance.now() - toldAt);
    stop.abort();
    await Promise.all([sending, publishing]);
    if (code !== 0) found.push(`round ${round}: ended with ${signal ?? code}: ${service.stderr.slice(-500)}`);
    if (tookMs > LONGEST_END_MS) found.push(`round ${round}: took ${tookMs} ms to end`);
    found.push(...engines.filter(isAlive).map((pid) => `round ${round}: engine ${pid} was left behind`));
    found.push(...recordedIn(store, books.camera, books.unanswered).map((id) => `${id}: recorded, never answered`));
  }
  const kept = new Set(recordedIn(store, MQTT_CAMERA, acknowledged));
  if (acknowledged.size === 0) found.push('no frame over MQTT was acknowledged');
  found.push(...[...acknowledged].filter((id) => !kept.has(id)).map((id) => `${id}: acknowledged, not recorded`));
  return [...found, ...(await books.complaints(store, [MQTT_CAMERA]))];
}

/** Frames over MQTT, two at a time, until `stop` or the connection ends. */
async function publishUntil(url: string, round: number, acknowledged: Set<string>, stop: AbortSignal) {
  const settings = { protocolVersion: 5, reconnectPeriod: 0 } as const;
  const client = await mqtt.connectAsync(url, settings);
  client.on('error', () => undefined);
  const gone = new Promise<never>((_, reject) => client.once('close', () => reject(new Error('closed'))));
  gone.catch(() => undefined);
  let next = 0;
  const lane = async () => {
    while (!stop.aborted) {
      const id = `m${round}-${next++}`;
      const picture = Buffer.from(await greyPng(next % 256, 16 + round));
      await Promise.race([client.publishAsync(`loupe/${MQTT_CAMERA}/frame/${id}`, picture, { qos: 1 }), gone]);
      acknowledged.add(id);
    }
  };
  await Promise.allSettled([lane(), lane()]);
  await client.endAsync(true);
}

/** Those of `ids` that stand in the ledger. */
function recordedIn(store: string, camera: string, ids: ReadonlySet<string>): string[] {
  const reader = new StoreReader(store);
  const row = reader.database.prepare('SELECT 1 FROM results WHERE camera_id = ? AND frame_id = ?');
  const recorded = [...ids].filter((id) => row.get(camera, id) !== undefined);
  reader.close();
  return recorded;
}

/** A zombie that nobody reaped yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const CUTS_CALLS_OFF: Plant = {
  file: 'service.js',
  from: 'this.grpc.stop(leftMs())',
  to: 'this.grpc.stop(0)',
};

describe(`SIGTERM, ${rounds} times`, () => {
  it(
    'answers every frame that it records, loses none that it acknowledged, and ends with 0 within ten seconds',
    async () => {
      expect(await endings(rounds)).toEqual([]);
    },
    timeFor(rounds),
  );

  it('twin: a service that cuts calls off instead of answering them is found out', async () => {
    const found = await endings(2, stage([CUTS_CALLS_OFF]).bin);
    expect(found.join('\n')).toMatch(/recorded, never answered/);
  }, 120_000);
});
