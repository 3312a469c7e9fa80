/**
 * What systemd hears of the service (`Type=notify`): READY=1 once the doors are open, STATUS when it changes, WATCHDOG=1 only
 * while the event loop and the ledger's writer both live, STOPPING=1.
 *
 *   serve ──lines──> sh ──systemd-notify──> $NOTIFY_SOCKET
 *
 * Node has no datagram sockets of the Unix kind. The shell is started while the process is small, because starting a program
 * later would block the event loop (docs/decisions/0040-telling-systemd.md); a line into a pipe does not. It ends with its pipe.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Health } from '../../observe/health.ts';
import type { Log } from '../../observe/log.ts';

interface Target {
  readonly socket: string;
  /** How long systemd waits for a sign of life; null: it does not. */
  readonly watchdogMs: number | null;
}

/** What systemd asks of process `pid`; null where it does not run it. */
function targetFrom(env: Readonly<Record<string, string | undefined>>, pid: number): Target | null {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: watched } = env;
  if (socket === undefined || socket === '') return null;
  const isMeant = usec !== undefined && Number(usec) > 0 && (watched === undefined || Number(watched) === pid);
  return { socket, watchdogMs: isMeant ? Number(usec) / 1000 : null };
}

export interface Watched {
  health(): Health;
  /** Milliseconds since the ledger's writer gave a sign of life. */
  readonly storeSilentMs: number;
}

const BEAT_MS = 15_000;
/** A writer is heard once a second; less silence than this says nothing on a busy machine. */
const MIN_SILENCE_MS = 5000;
const MAX_STATUS_LENGTH = 200;
const CLOSE_MS = 2000;
const RELAY = 'while IFS= read -r line; do systemd-notify "$line" || echo "systemd-notify ended with $?" >&2; done';

interface HeartbeatOptions {
  /** Hands one line, `NAME=value`, to systemd. */
  readonly tell: (line: string) => void;
  readonly watchdogMs: number | null;
  readonly log: Pick<Log, 'log'>;
}

/** Decides what systemd is told and when. */
export class Heartbeat {
  private readonly options: HeartbeatOptions;
  private timer: NodeJS.Timeout | undefined;
  private status = '';
  private isWithheld = false;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  /** The doors are open. A model that is not proven yet is said in STATUS: such a service answers, and tries again. */
  start(watched: Watched): void {
    const { watchdogMs, tell } = this.options;
    tell('READY=1');
    this.beat(watched);
    const periodMs = watchdogMs === null ? BEAT_MS : Math.min(BEAT_MS, watchdogMs / 4);
    this.timer = setInterval(() => this.beat(watched), periodMs);
  }

  stop(): void {
    clearInterval(this.timer);
    this.options.tell('STOPPING=1');
  }

  private beat(watched: Watched): void {
    const { watchdogMs, tell, log } = this.options;
    const status = statusOf(watched.health());
    if (status !== this.status) tell(`STATUS=${status}`);
    this.status = status;
    if (watchdogMs === null) return;
    const silentMs = watched.storeSilentMs;
    const isAlive = silentMs <= Math.max(watchdogMs / 2, MIN_SILENCE_MS);
    if (isAlive) tell('WATCHDOG=1');
    else if (!this.isWithheld)
      log.log('error', 'watchdog_withheld', { storeSilentMs: Math.round(silentMs), watchdogMs });
    this.isWithheld = !isAlive;
  }
}

/** One line for `systemctl status`. */
function statusOf({ notReady, degraded }: Health): string {
  const reasons = [
    ...notReady.map(({ part, detail }) => `not ready (${part}): ${detail}`),
    ...degraded.map(({ part, detail }) => `degraded (${part}): ${detail}`),
  ];
  const text = reasons.length === 0 ? 'ready' : reasons.join('; ');
  return text.replaceAll(/\s+/g, ' ').slice(0, MAX_STATUS_LENGTH);
}

/** The way to systemd: a shell that hands on one line after the other. It keeps no process alive that wants to end. */
class Relay {
  private readonly shell: ChildProcess;
  private fault: string | null = null;
  private log: Pick<Log, 'log'> | null = null;

  constructor(socket: string, path: string) {
    // Nothing else of the environment: it may hold secrets.
    const env = { PATH: path, NOTIFY_SOCKET: socket };
    this.shell = spawn('/bin/sh', ['-c', RELAY], { env, stdio: ['pipe', 'ignore', 'pipe'] });
    this.shell.unref();
    for (const stream of [this.shell.stdin, this.shell.stderr]) if (stream instanceof Socket) stream.unref();
    this.shell.on('error', (error) => this.failed(error.message));
    this.shell.stdin?.on('error', (error) => this.failed(error.message));
    this.shell.stderr?.setEncoding('utf8').on('data', (text: string) => this.failed(text.trim()));
  }

  /** From now on the first fault is logged, one that was before too. */
  logTo(log: Pick<Log, 'log'>): void {
    this.log = log;
    if (this.fault !== null) log.log('warn', 'systemd_not_told', { detail: this.fault });
  }

  tell(line: string): void {
    if (this.shell.stdin?.writable === true) this.shell.stdin.write(`${line}\n`);
  }

  /** Waits, for 2 s at most, until what was told has been handed on. */
  async close(): Promise<void> {
    if (this.shell.exitCode !== null || this.shell.pid === undefined) return;
    const ended = once(this.shell, 'exit');
    this.shell.stdin?.end();
    const timer = setTimeout(() => this.shell.kill('SIGKILL'), CLOSE_MS);
    await ended;
    clearTimeout(timer);
  }

  private failed(detail: string): void {
    if (this.fault === null) this.log?.log('warn', 'systemd_not_told', { detail });
    this.fault ??= detail;
  }
}

export interface Systemd {
  ready(watched: Watched, log: Pick<Log, 'log'>): void;
  stopping(): void;
  close(): Promise<void>;
}

/** To be called while the process is small. Where systemd does not run it, nothing is started and nobody told. */
export function openSystemd(env: Readonly<Record<string, string | undefined>>, pid: number): Systemd {
  const target = targetFrom(env, pid);
  if (target === null) return { ready: () => undefined, stopping: () => undefined, close: () => Promise.resolve() };
  const relay = new Relay(target.socket, env['PATH'] ?? '/usr/bin:/bin');
  let heartbeat: Heartbeat | null = null;
  return {
    ready(watched, log) {
      relay.logTo(log);
      heartbeat = new Heartbeat({ tell: (line) => relay.tell(line), watchdogMs: target.watchdogMs, log });
      heartbeat.start(watched);
    },
    stopping: () => heartbeat?.stop(),
    close: () => relay.close(),
  };
}
