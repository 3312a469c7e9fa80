/**
 * A line that goes on for a while, over gRPC and MQTT, beside a camera with broken pictures and engines that are killed: what the service holds at
 * the end is what it held in the beginning, and the books balance.
 */

import { readdirSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { treeUsage } from '../../src/bench/process-tree.ts';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { connectMqttSender } from '../../src/client/mqtt-sender.ts';
import type { FrameSender } from '../../src/client/sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import {
  emptyFolder,
  type ServiceProcess,
  servicesOf,
  testSettings,
  total,
  TWO_ENGINES,
} from '../support/service-process.ts';
import { type BadPicture, badPictures } from './support/bad-pictures.ts';
import { Books } from './support/books.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
let pictures: readonly BadPicture[] = [];
beforeAll(async () => {
  pictures = await badPictures();
});

/** Longer with `npm run faults -- --soak MINUTES`. */
const SHORT_MINUTES = 0.25;
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? SHORT_MINUTES);
if (!(MINUTES >= SHORT_MINUTES)) throw new Error(`SOAK_MINUTES: expected a number from ${SHORT_MINUTES}`);
/** Of each of the two cameras. */
const PERIOD_MS = 50;
/** Of the camera with the broken pictures. */
const BAD_PERIOD_MS = 250;
const SAMPLES = 60;
/** An engine is killed after so many of them: three in all. */
const SAMPLES_TO_A_KILL = 16;
/** V8 and onnxruntime grow into what they may have for some minutes: as in the proof of leaks by frames. */
const MAX_GROWTH_BYTES = 100 * 1024 * 1024;
const MAX_WAL_BYTES = 64 * 1024 * 1024;
/** Connections and pictures come and go. */
const MAX_MORE_FILES = 12;

interface Held {
  readonly mainBytes: number;
  readonly enginesBytes: number;
  readonly files: number;
  readonly walBytes: number;
  readonly outbox: number;
}

async function heldBy(service: ServiceProcess): Promise<Held> {
  const main = Number(service.child.pid);
  const samples = await service.samples();
  const mainBytes = samples.get('process_resident_memory_bytes') ?? Number.NaN;
  return {
    mainBytes,
    enginesBytes: treeUsage([main]).rssBytes - mainBytes,
    files: readdirSync(`/proc/${main}/fd`).length,
    walBytes: total(samples, 'inspection_store_bytes', 'kind="wal"'),
    outbox: total(samples, 'inspection_outbox_depth'),
  };
}

/** One frame each period, never waiting for the answer before, for as long as it is not over. */
async function runLine(books: Books, sender: FrameSender, isOver: () => boolean): Promise<void> {
  const sent: Promise<unknown>[] = [];
  for (let i = 0; !isOver(); i++) {
    sent.push(books.send(sender, `f${i}`));
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
  await Promise.all(sent);
  await sender.close();
}

/** @returns the pictures that were not answered as they should be */
async function runBroken(sender: FrameSender, isOver: () => boolean): Promise<string[]> {
  const found: string[] = [];
  const named = { cameraId: 'broken', contentType: 'image/png', capturedAt: null, sequence: null, isSimulated: false };
  for (let i = 0; !isOver(); i++) {
    const { bytes, code, name } = pictures[i % pictures.length] as BadPicture;
    const outcome = await sender.send({ ...named, frameId: `b${i}`, bytes });
    const got = outcome.kind === 'error' ? outcome.code : (outcome.reason ?? outcome.verdict);
    // An engine that is killed takes what it has with it.
    if (got !== code && got !== 'engine_failed' && got !== 'engine_unavailable')
      found.push(`${name}: expected ${code}, got ${got}`);
    await new Promise((resolve) => setTimeout(resolve, BAD_PERIOD_MS));
  }
  await sender.close();
  return found;
}

/** Not the mean: while an engine is being replaced there is less. */
const most = (held: readonly Held[], what: keyof Held) => Math.max(...held.map((one) => one[what]));

async function complaints(minutes: number, bin?: string): Promise<string[]> {
  const store = emptyFolder();
  const ms = minutes * 60_000;
  const service = await start([...testSettings(store), TWO_ENGINES], bin === undefined ? {} : { bin });
  const enginesReady = async () => total(await service.samples(), 'inspection_engines_ready');
  await expect.poll(enginesReady, { timeout: 30_000 }).toBe(2);
  const { grpc, mqtt } = service.addresses;
  const lines = [
    { books: new Books('by-grpc'), sender: await connectGrpcSender({ address: grpc }) },
    { books: new Books('by-mqtt'), sender: await connectMqttSender({ url: mqtt ?? '', root: 'loupe' }) },
  ];
  const endsAt = performance.now() + ms;
  const isOver = () => performance.now() >= endsAt;
  const running = lines.map(({ books, sender }) => runLine(books, sender, isOver));
  const broken = runBroken(await connectGrpcSender({ address: grpc }), isOver);
  const held: Held[] = [];
  let kills = 0;
  let due = 0;
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, ms / SAMPLES));
    held.push(await heldBy(service));
    if (held.length % SAMPLES_TO_A_KILL === 0) due += 1;
    const [engine] = service.engines;
    // One that is not at work yet is no loss.
    if (due === 0 || engine === undefined || (await enginesReady()) < 2) continue;
    process.kill(engine, 'SIGKILL');
    due -= 1;
    kills += 1;
  }
  await Promise.all(running);
  const inFlight = async () => total(await service.samples(), 'inspection_frames_in_flight');
  await expect.poll(inFlight, { timeout: 15_000 }).toBe(0);

  const found = await broken;
  // The first quarter is for warming up.
  const early = held.slice(held.length / 4, held.length / 2);
  const late = held.slice((held.length * 3) / 4);
  const grew = (what: keyof Held) => most(late, what) - most(early, what);
  for (const what of ['mainBytes', 'enginesBytes'] as const) {
    if (grew(what) > MAX_GROWTH_BYTES) found.push(`${what} grew by ${grew(what)}`);
  }
  if (grew('files') > MAX_MORE_FILES) found.push(`open files grew by ${grew('files')}`);
  const wal = most(held, 'walBytes');
  if (wal > MAX_WAL_BYTES) found.push(`the WAL held ${wal} bytes`);
  const samples = await service.samples();
  const received = total(samples, 'inspection_frames_received_total');
  const outcomes = total(samples, 'inspection_frames_total');
  if (received !== outcomes) found.push(`received ${received}, outcomes ${outcomes}`);
  const losses = total(samples, 'inspection_engine_losses_total');
  if (kills === 0) found.push('no engine was killed');
  if (losses !== kills) found.push(`${kills} engines were killed and ${losses} lost`);
  for (const { books } of lines)
    if (books.unanswered.size > 0) found.push(`${books.unanswered.size} frames of ${books.camera} unanswered`);
  const told = (['mainBytes', 'enginesBytes', 'walBytes'] as const).map((what) => {
    const mib = (part: readonly Held[]) => Math.round(most(part, what) / 2 ** 20);
    return `${what} ${mib(early)} -> ${mib(late)} MiB`;
  });
  console.log(
    `soak: ${minutes} minutes, ${received} frames, ${kills} engines killed, ${told.join(', ')}, ` +
      `files ${most(early, 'files')} -> ${most(late, 'files')}, outbox ${most(held, 'outbox')} at most`,
  );
  if ((await service.end()).code !== 0) found.push(`ended with ${service.child.exitCode}`);
  const { findings } = await verifyStore(store);
  found.push(...findings.map((finding) => `verify: ${JSON.stringify(finding)}`));
  return found;
}

const OPENS_A_FILE_FOR_EACH_FRAME: Plant = {
  file: 'ingest/intake.js',
  from: 'const imageSha256 = sha256(image.bytes);',
  to: "const imageSha256 = sha256(image.bytes); process.getBuiltinModule('node:fs').openSync('/dev/null');",
};

const timeoutOf = (minutes: number) => 90_000 + minutes * 120_000;

describe('a line that goes on', () => {
  it('leaves memory, files and the WAL as they were, and the books balanced', {
    timeout: timeoutOf(MINUTES),
  }, async () => {
    expect(await complaints(MINUTES)).toEqual([]);
  });

  it('twin: a service that leaves a file open for each frame is found out', {
    timeout: timeoutOf(SHORT_MINUTES),
  }, async () => {
    const found = await complaints(SHORT_MINUTES, stage([OPENS_A_FILE_FOR_EACH_FRAME]).bin);
    expect(found.join('\n')).toMatch(/open files grew/);
  });
});
