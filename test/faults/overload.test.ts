/** At least three times as many frames as the engine can look at: what does not fit is said at once, and memory stays where it was. */

import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import type { FrameSender, SendOutcome } from '../../src/client/sender.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings, total } from '../support/service-process.ts';
import { isLong, roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

const SECONDS = isLong ? Math.min(60, roundsOr(1)) : 4;
const QUEUE_FRAMES = 4;
/** A machine that is busy otherwise makes the engine slower still; frames go on coming. */
const MAX_PAUSE_MS = 60;
const FRAME_BYTES = 1_000_000;
/** The promise is 50 ms, and the long form holds it to that; beside other tests on two cores the senders themselves wait longer. */
const MAX_REFUSAL_MS = isLong ? 50 : 250;
const MAX_GROWTH_BYTES = 128 * 1024 * 1024;

interface Overload {
  readonly sent: number;
  readonly outcomes: readonly { readonly outcome: SendOutcome; readonly ms: number }[];
  readonly deepestQueue: number;
  readonly growthBytes: number;
  /** Mean time that a row waited for its commit. */
  readonly commitMs: number;
}

async function overload(bin?: string): Promise<Overload> {
  const settings = [
    ...testSettings(emptyFolder(), 'slow'),
    'engine.processes=1',
    `unlisted_cameras.queue_frames=${QUEUE_FRAMES}`,
    'store.images.keep=none',
  ];
  const service = await start(settings, bin === undefined ? {} : { bin });
  const sender = await connectGrpcSender({ address: service.addresses.grpc });
  const from = performance.now();
  for (let index = 0; index < 2; index++) await send(sender, `capacity-${index}`);
  const frameMs = (performance.now() - from) / 2;

  const before = service.residentBytes;
  let deepestQueue = 0;
  let most = before;
  const sending: Promise<{ outcome: SendOutcome; ms: number }>[] = [];
  const endsAt = performance.now() + SECONDS * 1000;
  for (let index = 0; performance.now() < endsAt; index++) {
    sending.push(send(sender, `f${index}`));
    if (index % 8 === 0) {
      deepestQueue = Math.max(deepestQueue, total(await service.samples(), 'inspection_queue_depth'));
      most = Math.max(most, service.residentBytes);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(frameMs / 3, MAX_PAUSE_MS)));
  }
  const outcomes = await Promise.all(sending);
  const samples = await service.samples();
  const commits = (what: string) => total(samples, `inspection_stage_duration_seconds_${what}`, 'stage="record"');
  await sender.close();
  await service.end('SIGKILL');
  const commitMs = (1000 * commits('sum')) / commits('count');
  return { sent: sending.length, outcomes, deepestQueue, growthBytes: most - before, commitMs };
}

async function send(sender: FrameSender, frameId: string): Promise<{ outcome: SendOutcome; ms: number }> {
  const png = await greyPng(20);
  // What follows the end of a PNG is no part of the picture, and weighs as much as one.
  const bytes = new Uint8Array(FRAME_BYTES);
  bytes.set(png);
  const named = { cameraId: 'cam-1', frameId, contentType: 'image/png', capturedAt: null, sequence: null };
  const from = performance.now();
  const outcome = await sender.send({ ...named, bytes, isSimulated: false });
  return { outcome, ms: performance.now() - from };
}

function complaints({ sent, outcomes, deepestQueue, growthBytes, commitMs }: Overload): string[] {
  const found: string[] = [];
  const refused = outcomes.filter(({ outcome }) => outcome.kind === 'answered' && outcome.reason === 'queue_full');
  const lost = outcomes.filter(({ outcome }) => outcome.kind === 'error');
  const times = refused.map(({ ms }) => ms).sort((a, b) => a - b);
  // Beside other tests the sender itself may wait for its turn on a core: then half of them must be in time.
  const ms = times[Math.floor(times.length * (isLong ? 0.99 : 0.5))] ?? 0;
  console.log(
    `overload: sent ${sent}, refused ${refused.length}, median ${times[times.length >> 1]?.toFixed(1)} ms, ` +
      `last ${times.at(-1)?.toFixed(1)} ms, queue ${deepestQueue}, growth ${(growthBytes / 2 ** 20).toFixed(0)} MiB, commit ${commitMs.toFixed(1)} ms`,
  );
  if (refused.length < sent / 3) found.push(`of ${sent} frames at three times the capacity ${refused.length} refused`);
  if (lost.length > 0) found.push(`${lost.length} were not answered`);
  if (ms > MAX_REFUSAL_MS) found.push(`a refusal took ${ms} ms`);
  if (deepestQueue > QUEUE_FRAMES) found.push(`the queue held ${deepestQueue} frames, ${QUEUE_FRAMES} allowed`);
  if (growthBytes > MAX_GROWTH_BYTES) found.push(`memory grew by ${growthBytes} bytes`);
  return found;
}

const UNBOUNDED_QUEUE: readonly Plant[] = [
  {
    file: 'ingest/admission.js',
    from: 'if (line.waiting.length >= own.frames || line.bytes + place.bytes > own.bytes) {',
    to: 'if (line === null) {',
  },
  {
    file: 'ingest/admission.js',
    from: 'if (this.frames >= this.limits.frames || this.bytes + place.bytes > this.limits.bytes) {',
    to: 'if (line === null) {',
  },
];

describe('three times and more the load that the engine can bear', () => {
  it(
    `is refused within ${MAX_REFUSAL_MS} ms a frame, every frame is answered, the queue and the memory are bounded`,
    async () => {
      expect(complaints(await overload())).toEqual([]);
    },
    60_000 + SECONDS * 2000,
  );

  it(
    'twin: a queue without bounds is found out',
    async () => {
      expect(complaints(await overload(stage(UNBOUNDED_QUEUE).bin)).join('\n')).toMatch(/the queue held/);
    },
    60_000 + SECONDS * 2000,
  );
});
