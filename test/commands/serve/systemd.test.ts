/** What systemd is told, by a fake systemd: a Unix datagram socket, the real systemd-notify between. */

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Heartbeat, openSystemd } from '../../../src/commands/serve/systemd.ts';
import type { Health } from '../../../src/observe/health.ts';
import { toolAt } from '../../faults/support/need.ts';
import { emptyFolder, ServiceProcess, testSettings } from '../../support/service-process.ts';

const notify = toolAt('systemd-notify', 'apt install systemd');
const python = toolAt('python3', 'apt install python3');

const READY: Health = { isReady: true, notReady: [], degraded: [] };
const FULL: Health = { isReady: false, notReady: [{ part: 'store', detail: 'disk\nfull' }], degraded: [] };

describe('the heartbeat', () => {
  const lines: string[] = [];
  const events: string[] = [];
  const watched = { storeSilentMs: 0, report: READY, health: () => watched.report };
  const heartbeat = (watchdogMs: number | null) =>
    new Heartbeat({
      watchdogMs,
      tell: (line) => lines.push(line),
      log: { log: (_level, event) => events.push(event) },
    });

  beforeEach(() => {
    vi.useFakeTimers();
    lines.length = 0;
    events.length = 0;
    Object.assign(watched, { storeSilentMs: 0, report: READY });
  });
  afterEach(() => {
    vi.clearAllTimers();
    vi.useRealTimers();
  });

  it('says READY once, and gives a sign of life four times within the time systemd waits', () => {
    heartbeat(60_000).start(watched);
    expect(lines).toEqual(['READY=1', 'STATUS=ready', 'WATCHDOG=1']);
    lines.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  });

  it('gives no sign of life while the writer of the ledger is silent, and says so once', () => {
    heartbeat(60_000).start(watched);
    lines.length = 0;
    watched.storeSilentMs = 30_001;
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([]);
    expect(events).toEqual(['watchdog_withheld']);
    watched.storeSilentMs = 10;
    vi.advanceTimersByTime(15_000);
    expect(lines).toEqual(['WATCHDOG=1']);
  });

  it('goes on while the disk is full: a restart would not help, and says why it is not ready, in one line', () => {
    heartbeat(60_000).start(watched);
    lines.length = 0;
    watched.report = FULL;
    vi.advanceTimersByTime(30_000);
    expect(lines).toEqual(['STATUS=not ready (store): disk full', 'WATCHDOG=1', 'WATCHDOG=1']);
  });

  it('gives none where systemd does not wait for one', () => {
    const it = heartbeat(null);
    it.start(watched);
    vi.advanceTimersByTime(120_000);
    it.stop();
    vi.advanceTimersByTime(120_000);
    expect(lines).toEqual(['READY=1', 'STATUS=ready', 'STOPPING=1']);
  });
});

describe('the way to systemd', () => {
  it('is not opened where systemd runs nothing', async () => {
    const systemd = openSystemd({ PATH: '/nowhere' }, 1);
    systemd.ready({ storeSilentMs: 0, health: () => READY }, { log: () => expect.unreachable() });
    systemd.stopping();
    await systemd.close();
  });

  it('that does not exist is a warning, and the service goes on', async () => {
    const events: string[] = [];
    const systemd = openSystemd({ NOTIFY_SOCKET: path.join(emptyFolder(), 'nobody'), PATH: process.env['PATH'] }, 1);
    systemd.ready({ storeSilentMs: 0, health: () => READY }, { log: (_level, event) => events.push(event) });
    await expect.poll(() => events).toEqual(['systemd_not_told']);
    systemd.stopping();
    await systemd.close();
  });
});

/** Binds the socket, prints `bound`, then every datagram as one line. */
const FAKE_SYSTEMD = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)`;

describe.skipIf(notify === null || python === null)('a service under systemd', () => {
  it('tells it that it is ready, alive, and ending', async () => {
    const socket = path.join(emptyFolder(), 'notify');
    const systemd = spawn(python ?? '', ['-c', FAKE_SYSTEMD, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void systemd.kill('SIGKILL'));
    const told: string[] = [];
    createInterface({ input: systemd.stdout }).on('line', (line) => {
      // systemd-notify's own: it waits until what it said before has been read.
      if (line !== 'BARRIER=1') told.push(line);
    });
    await expect.poll(() => told).toEqual(['bound']);

    const service = await ServiceProcess.start(testSettings(emptyFolder()), undefined, {
      env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '2000000' },
    });
    onTestFinished(async () => void (await service.end('SIGKILL')));
    await expect.poll(() => told.filter((line) => line === 'WATCHDOG=1').length).toBeGreaterThan(2);
    expect(told.slice(0, 4)).toEqual(['bound', 'READY=1', 'STATUS=ready', 'WATCHDOG=1']);
    // A loop that stands still gives no sign of life, once the relay has handed on what it was told before.
    service.child.kill('SIGSTOP');
    let before = -1;
    const isSilent = () => {
      const silent = told.length === before;
      before = told.length;
      return silent;
    };
    await expect.poll(isSilent, { interval: 2000, timeout: 30_000 }).toBe(true);
    service.child.kill('SIGCONT');

    expect(await service.end('SIGTERM')).toEqual({ code: 0, signal: null });
    await expect.poll(() => told.at(-1)).toBe('STOPPING=1');
    expect(service.log.filter(({ event }) => event === 'systemd_not_told')).toEqual([]);
  });
});
