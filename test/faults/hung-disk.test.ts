/** A disk that never answers a sync while the service is told to end: it ends by force, within `shutdown_ms` and five seconds. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings } from '../support/service-process.ts';
import { Books } from './support/books.ts';
import { toolAt } from './support/need.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);
const gcc = toolAt('gcc', 'apt install gcc libc6-dev');
const SHUTDOWN_MS = 1000;
/** `shutdown_ms`, five seconds, and some for a busy machine. */
const LONGEST_MS = SHUTDOWN_MS + 8000;
/** Told twice, it ends at once. */
const AT_ONCE_MS = 4000;

/** While the file HANG is there no sync returns. */
const SOURCE = `
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void hold(void) { while (access(getenv("HANG"), F_OK) == 0) usleep(50000); }
int fsync(int fd) { hold(); return syscall(SYS_fsync, fd); }
int fdatasync(int fd) { hold(); return syscall(SYS_fdatasync, fd); }
`;

function hangingDisk(): { readonly env: Record<string, string>; readonly hang: string } {
  const folder = emptyFolder();
  const [source, library, hang] = ['hang.c', 'hang.so', 'hang'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(source, SOURCE);
  execFileSync(gcc ?? '', ['-shared', '-fPIC', '-o', library, source]);
  return { env: { LD_PRELOAD: library, HANG: hang }, hang };
}

/** @returns what was not as it should be */
async function endOn(signals: number, bin?: string): Promise<string[]> {
  const store = emptyFolder();
  const { env, hang } = hangingDisk();
  onTestFinished(() => rmSync(hang, { force: true }));
  const settings = [...testSettings(store), `shutdown_ms=${SHUTDOWN_MS}`];
  const service = await start(settings, bin === undefined ? { env } : { bin, env });
  const books = new Books();
  await books.sendMore(service.addresses.grpc, 5);
  writeFileSync(hang, '');
  const sender = await connectGrpcSender({ address: service.addresses.grpc });
  const frame = { cameraId: 'cam-2', frameId: 'held', contentType: null, capturedAt: null, sequence: null };
  const held = sender.send({ ...frame, bytes: await greyPng(7), isSimulated: false });
  const gone = once(service.child, 'exit');
  const toldAt = performance.now();
  for (let n = 0; n < signals; n++) {
    service.child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await Promise.race([
    gone,
    new Promise((resolve) => setTimeout(resolve, signals === 1 ? LONGEST_MS : AT_ONCE_MS).unref()),
  ]);
  const found: string[] = [];
  if (service.child.signalCode !== 'SIGKILL') {
    found.push(`after ${Math.round(performance.now() - toldAt)} ms: ${service.child.exitCode ?? 'still there'}`);
  }
  rmSync(hang);
  await gone;
  if ((await held).kind === 'answered') found.push('answered what was not committed');
  await sender.close();
  const events = service.log.map(({ event }) => event);
  const wanted = signals === 1 ? 'not_ended_in_time' : 'ended_at_once';
  if (!events.includes(wanted)) found.push(`no ${wanted} in the log`);
  const { findings } = await verifyStore(store);
  return [
    ...found,
    ...findings.map((finding) => JSON.stringify(finding)),
    ...(await books.complaints(store, ['cam-2'])),
  ];
}

const WAITS_FOR_ITS_THREADS: Plant = {
  file: 'commands/serve/end-in-time.js',
  from: "process.kill(process.pid, 'SIGKILL');",
  to: 'process.exit(1);',
};

describe.skipIf(gcc === null)('a disk that does not answer', () => {
  it('holds the end of the service no longer than it may, and loses nothing that was answered', async () => {
    expect(await endOn(1)).toEqual([]);
  }, 60_000);

  it('does not hold up a second signal, and twin: a service that waits for its threads is found out', async () => {
    expect(await endOn(2)).toEqual([]);
    expect((await endOn(2, stage([WAITS_FOR_ITS_THREADS]).bin)).join('\n')).toMatch(/still there/);
  }, 120_000);
});
