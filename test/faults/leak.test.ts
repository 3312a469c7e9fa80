/** Memory after many frames is what it was after a few. */

import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings } from '../support/service-process.ts';
import { roundsOr } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

const FRAMES = roundsOr(2) * 100;
const WARM_UP = 100;
const FRAME_BYTES = 1_000_000;
const LANES = 6;
/** What Triton's own test allows (qa/L0_memory_growth). */
const MAX_GROWTH_BYTES = 100 * 1024 * 1024;

/** Bytes by which memory grew over `frames`, after the service had warmed up. */
async function growthOver(frames: number, bin?: string): Promise<number> {
  const settings = [...testSettings(emptyFolder()), 'store.images.keep=none'];
  const service = await start(settings, bin === undefined ? {} : { bin });
  const sender = await connectGrpcSender({ address: service.addresses.grpc });
  const bytes = new Uint8Array(FRAME_BYTES);
  bytes.set(await greyPng(20));
  let next = 0;
  const send = async (until: number) => {
    const lane = async () => {
      while (next < until) {
        const named = { cameraId: 'cam-1', frameId: `f${next++}`, contentType: 'image/png', capturedAt: null };
        expect(await sender.send({ ...named, sequence: null, bytes, isSimulated: false })).toMatchObject({
          verdict: 'PASS',
        });
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  };
  await send(WARM_UP);
  const before = service.residentBytes;
  await send(WARM_UP + frames);
  const growth = service.residentBytes - before;
  console.log(`leak: ${frames} frames, memory grew by ${Math.round(growth / 2 ** 20)} MiB`);
  await sender.close();
  return growth;
}

const KEEPS_EVERY_FRAME: Plant = {
  file: 'ingest/intake.js',
  from: 'const imageSha256 = sha256(image.bytes);',
  to: 'const imageSha256 = sha256(image.bytes); (globalThis.kept ??= []).push(image.bytes);',
};

describe('the memory of the service and its engines', () => {
  it('does not grow with the frames', { timeout: 60_000 + FRAMES * 100 }, async () => {
    expect(await growthOver(FRAMES)).toBeLessThan(MAX_GROWTH_BYTES);
  });

  it('twin: a service that keeps what it was sent is found out', { timeout: 120_000 }, async () => {
    expect(await growthOver(200, stage([KEEPS_EVERY_FRAME]).bin)).toBeGreaterThan(MAX_GROWTH_BYTES);
  });
});
