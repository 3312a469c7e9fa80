/** kill -9 under load, of the service and of its engines: nothing answered is lost, nothing passes by accident. */

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import type { SendOutcome } from '../../src/client/sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { StoreReader } from '../../src/record/store-reader.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings, total, TWO_ENGINES } from '../support/service-process.ts';

const start = servicesOf(afterEach);

/** A camera that sends frames one after another on several lanes until told to stop, and notes every answer it got. */
async function sendUntil(address: string, camera: string, from: number, stop: AbortSignal, lanes = 6) {
  const sender = await connectGrpcSender({ address });
  const answers = new Map<string, SendOutcome>();
  let next = from;
  const lane = async () => {
    while (!stop.aborted) {
      const index = next++;
      const frameId = `f${index}`;
      const outcome = await sender.send({
        cameraId: camera,
        frameId,
        bytes: await greyPng(index % 256),
        contentType: 'image/png',
        capturedAt: null,
        sequence: null,
        isSimulated: false,
      });
      answers.set(frameId, outcome);
      if (outcome.kind === 'error') return;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await sender.close();
  return { answers, next };
}

const PATIENT = { timeout: 10_000 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('kill -9', () => {
  it('of the service under load loses no answered frame, and a frame sent again gets its first verdict', async () => {
    const store = emptyFolder();
    const answered = new Map<string, SendOutcome & { kind: 'answered' }>();
    let from = 0;
    for (const lifeMs of [300, 700, 450]) {
      const service = await start([...testSettings(store), TWO_ENGINES, 'store.images.keep=all']);
      const stop = new AbortController();
      const sending = sendUntil(service.addresses.grpc, 'cam-1', from, stop.signal);
      await pause(lifeMs);
      await service.end('SIGKILL');
      stop.abort();
      const { answers, next } = await sending;
      from = next;
      for (const [frameId, outcome] of answers) if (outcome.kind === 'answered') answered.set(frameId, outcome);
    }
    expect(answered.size).toBeGreaterThan(5);

    const report = await verifyStore(store);
    expect(report.findings).toEqual([]);
    const reader = new StoreReader(store);
    const rows = new Map<string, string>();
    for (let before: number | undefined; ; ) {
      const page = reader.query({ limit: 1000, ...(before === undefined ? {} : { before }) });
      for (const row of page) rows.set(row.frameId, row.resultId);
      before = page.at(-1)?.ledgerSeq;
      if (page.length < 1000 || before === undefined) break;
    }
    reader.close();
    for (const [frameId, outcome] of answered) expect(rows.get(frameId)).toBe(outcome.resultId);

    const service = await start([...testSettings(store), TWO_ENGINES, 'store.images.keep=all']);
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    for (const [frameId, first] of [...answered].slice(0, 50)) {
      const again = await sender.send({
        cameraId: 'cam-1',
        frameId,
        bytes: await greyPng(Number(frameId.slice(1)) % 256),
        contentType: 'image/png',
        capturedAt: null,
        sequence: null,
        isSimulated: false,
      });
      expect(again).toEqual({ ...first, duplicate: true });
    }
    await sender.close();
  });

  it('of every engine under load answers every frame, passes none by accident, and new engines take over', async () => {
    const service = await start([...testSettings(emptyFolder()), TWO_ENGINES]);
    const stop = new AbortController();
    const sending = sendUntil(service.addresses.grpc, 'cam-1', 0, stop.signal);
    for (let round = 0; round < 3; round++) {
      await expect.poll(async () => total(await service.samples(), 'inspection_engines_ready'), PATIENT).toBe(2);
      for (const pid of service.engines) process.kill(pid, 'SIGKILL');
      await expect
        .poll(async () => total(await service.samples(), 'inspection_engine_losses_total'), PATIENT)
        .toBe(2 * (round + 1));
    }
    stop.abort();
    const { answers } = await sending;
    expect(answers.size).toBeGreaterThan(20);
    for (const [frameId, outcome] of answers) {
      // Brightness 0..255 is the probability; the cuts of the test model say what may pass.
      expect(outcome.kind, frameId).toBe('answered');
      if (outcome.kind !== 'answered') continue;
      if (outcome.verdict === 'UNINSPECTED') expect(outcome.probability).toBeNull();
      else expect(outcome.probability).toBeCloseTo((Number(frameId.slice(1)) % 256) / 255, 2);
    }
    await expect.poll(async () => (await service.get('/readyz')).status, PATIENT).toBe(200);
    const samples = await service.samples();
    expect(samples.get('inspection_engine_losses_total{model="mean-brightness"}')).toBe(6);
    expect(total(samples, 'inspection_frames_received_total')).toBe(
      total(samples, 'inspection_frames_total') + total(samples, 'inspection_frames_in_flight'),
    );
  });

  it('of the service leaves no engine behind', async () => {
    const service = await start([...testSettings(emptyFolder()), TWO_ENGINES]);
    const engines = service.engines;
    expect(engines.length).toBe(2);
    await service.end('SIGKILL');
    await expect.poll(() => engines.filter(isAlive), PATIENT).toEqual([]);
  });
});

/** A zombie that nobody reaped yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
