/** kill -9 under load, again and again, of the service and of its engines. `npm run faults -- --rounds 100` is the long form. */

import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import {
  emptyFolder,
  type ServiceProcess,
  servicesOf,
  testSettings,
  total,
  TWO_ENGINES,
} from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { roundsOr, timeFor } from './support/length.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const rounds = roundsOr(6);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Every other round kills the service, the others one engine or all of them; ends with a life in which nothing is killed. */
async function killRounds(count: number, bin?: string): Promise<string[]> {
  const store = emptyFolder();
  const books = new Books();
  const settings = [...testSettings(store), TWO_ENGINES, 'store.images.keep=all'];
  const begin = () => start(settings, bin === undefined ? {} : { bin });
  let service = await begin();
  let stop = new AbortController();
  let sending = books.sendUntil(service.addresses.grpc, stop.signal);
  for (let round = 0; round < count; round++) {
    const before = books.answered.size;
    await expect.poll(() => books.answered.size, { timeout: 20_000, interval: 5 }).toBeGreaterThan(before + 5);
    await pause(Math.random() * 150);
    if (round % 2 === 0) {
      await service.end('SIGKILL');
      stop.abort();
      await sending;
      service = await begin();
      stop = new AbortController();
      sending = books.sendUntil(service.addresses.grpc, stop.signal);
    } else {
      for (const pid of service.engines.slice(round % 4 === 1 ? 0 : 1)) killIfThere(pid);
    }
  }
  await pause(200);
  stop.abort();
  await sending;
  const sender = await connectGrpcSender({ address: service.addresses.grpc });
  for (const frameId of books.unanswered) await books.send(sender, frameId);
  await sender.close();
  const found = await metricsComplaints(service, books);
  await service.end();
  return [...found, ...(await books.complaints(store))];
}

/** The books of the last life: everything received has an end, and the client saw it. */
async function metricsComplaints(service: ServiceProcess, books: Books): Promise<string[]> {
  const samples = await service.samples();
  const received = total(samples, 'inspection_frames_received_total');
  const finished = total(samples, 'inspection_frames_total') + total(samples, 'inspection_frames_in_flight');
  const rows = total(samples, 'inspection_ledger_rows');
  const balanced = received === finished && books.unanswered.size === 0 && rows === books.answered.size;
  const state = `received ${received}, finished ${finished}, rows ${rows}, answered ${books.answered.size}`;
  return balanced ? [] : [`books: ${state}, never answered ${books.unanswered.size}`];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself between ps and here.
  }
}

const ANSWERS_BEFORE_THE_COMMIT: Plant = {
  file: 'record/ledger.js',
  from: "const outcome = await this.writer.ask('record', { decision, image: bytes, deliveries }, transfer);",
  to: `const { writer } = this;
       setTimeout(() => writer.ask('record', { decision, image: bytes, deliveries }, transfer).catch(() => {}), 500);
       const outcome = { kind: 'recorded', outboxIds: [], result: { ...decision, ledgerSeq: 1, chainHash: '', imagePath: null } };`,
};

const TAKES_A_REPEATED_FRAME_FOR_A_NEW_ONE: Plant = {
  file: 'pipeline.js',
  from: 'const name = nameOf(frame);',
  to: 'frame = { ...frame, frameId: `${frame.frameId}.${process.hrtime.bigint()}` };\n        const name = frame.frameId;',
};

describe(`kill -9, ${rounds} times`, () => {
  it(
    'loses no answered frame, records none twice, changes no verdict, and the books balance',
    async () => {
      expect(await killRounds(rounds)).toEqual([]);
    },
    timeFor(rounds),
  );

  it('twin: a service that answers before the commit is found out', async () => {
    const found = await killRounds(1, stage([ANSWERS_BEFORE_THE_COMMIT]).bin);
    expect(found.join('\n')).toMatch(/missing in the ledger/);
  }, 60_000);

  it('twin: a service that takes a repeated frame for a new one is found out', async () => {
    const found = await killRounds(1, stage([TAKES_A_REPEATED_FRAME_FOR_A_NEW_ONE]).bin);
    expect(found.join('\n')).toMatch(/never sent|twice in the ledger/);
  }, 60_000);
});
