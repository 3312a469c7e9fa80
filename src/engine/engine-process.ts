/** One engine child as the service sees it: started, fed, listened to for signs of life, ended. */

import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { builtEntry } from '../built-entry.ts';
import type { Image, Roi } from '../frame/frame.ts';
import { LastWords } from './last-words.ts';
import type {
  EngineFailed,
  EngineReady,
  EngineSettings,
  Faulted,
  FromEngine,
  GoldenChecked,
  Scored,
  ToEngine,
} from './protocol.ts';
import { mayRaise, putBehind, putForward } from './priority.ts';
import { Rehearsal } from './rehearsal.ts';

/** An engine that could not prove itself, with the stage that failed. `exit` is a child that ended without a word. */
export class EngineStartError extends Error {
  override readonly name = 'EngineStartError';
  readonly stage: EngineFailed['stage'] | 'exit' | 'timeout';

  constructor(stage: EngineStartError['stage'], message: string) {
    super(message);
    this.stage = stage;
  }
}

export interface EngineEvents {
  answered(message: Scored | Faulted): void;
  /** The golden images were scored again. */
  checked(message: GoldenChecked): void;
  /** Once, when the child is gone or was told to be, for whatever cause. Nothing is heard from it afterwards. */
  ended(cause: string): void;
}

export interface EngineProcessOptions {
  readonly settings: EngineSettings;
  /** libuv threads of the child: how many images it decodes at once. */
  readonly decodeThreads: number;
  /** A child with something to answer that says nothing for this long is hung. */
  readonly hangMs: number;
  readonly startTimeoutMs: number;
  /** Last lines the child wrote to stderr go here (ORT says there which library was missing). */
  onStderr(line: string): void;
}

const PING_MS = 500;
/** A device driver that hangs keeps a child alive even when it was killed: nothing waits for it longer. */
const LINGER_MS = 1000;

export class EngineProcess {
  readonly pid: number | undefined;
  private readonly child: ChildProcess;
  private readonly options: EngineProcessOptions;
  private readonly events: EngineEvents;
  private readonly timer: NodeJS.Timeout;
  private lastHeard = performance.now();
  private checkedAt = performance.now();
  private isPinged = false;
  private hasEnded = false;
  private isBehind = false;
  private cause: string | undefined;
  private rehearsal: Rehearsal | undefined;
  private settleStart: ((outcome: EngineReady | EngineStartError) => void) | undefined;
  private readonly started: Promise<EngineReady | EngineStartError>;
  private readonly gone: Promise<void>;
  private readonly silent: Promise<void>;
  private readonly lastWords = new LastWords();

  constructor(options: EngineProcessOptions, events: EngineEvents) {
    this.options = options;
    this.events = events;
    this.child = fork(fileURLToPath(builtEntry(import.meta.url, 'engine-child')), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(options.decodeThreads), MALLOC_ARENA_MAX: '2' },
    });
    this.pid = this.child.pid;
    this.started = new Promise((resolve) => {
      this.settleStart = resolve;
    });
    this.gone = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => {
        this.end(`engine ended with ${signal ?? `exit status ${code}`}`);
        resolve();
      });
    });
    // Its stderr ends later than the child: what it said last is still to be read then.
    this.silent = new Promise((resolve) => void this.child.once('close', () => resolve()));
    this.child.on('error', (error) => this.end(`engine process: ${error.message}`));
    this.child.on('message', (message: FromEngine) => this.hear(message));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of this.lastWords.hear(text)) options.onStderr(line);
    });
    this.timer = setInterval(() => this.checkLife(), PING_MS);
  }

  /**
   * Loads and proves the model.
   * @throws EngineStartError; the child was ended by then
   */
  async start(): Promise<EngineReady> {
    this.send({ kind: 'start', settings: this.options.settings });
    const outcome = await this.started;
    if (outcome instanceof EngineStartError) {
      this.kill(outcome.message);
      await Promise.race([this.silent, after(LINGER_MS, undefined, { ref: false })]);
      // onnxruntime throws "Failed to load shared library"; which one, it says on stderr only.
      const why = this.lastWords.reason();
      throw why === null || outcome.message.includes(why)
        ? outcome
        : new EngineStartError(outcome.stage, `${outcome.message}; it said: ${why}`);
    }
    return outcome;
  }

  /**
   * Before it takes over: golden images as frames.
   * @throws EngineStartError where one of them is not answered as it should be
   */
  async rehearse(): Promise<void> {
    this.rehearsal = new Rehearsal((id, image) => this.score(id, image, null, this.options.startTimeoutMs));
    if (this.hasEnded) this.rehearsal.hear({ kind: 'gone', cause: this.cause ?? 'the engine ended' });
    const fault = await this.rehearsal.run(this.options.settings.model);
    this.rehearsal = undefined;
    if (fault !== null) throw new EngineStartError(this.hasEnded ? 'exit' : 'golden', fault);
  }

  /** @param withinMs milliseconds until nobody waits for the answer any more */
  score(id: number, image: Image, roi: Roi | null, withinMs: number): void {
    this.send({ kind: 'score', id, image, roi, withinMs });
  }

  /** Lets the engines at work go first, until `comeForward`. Does nothing where that could not be undone. */
  stayBehind(): void {
    if (this.pid === undefined || !mayRaise()) return;
    putBehind(this.pid);
    this.isBehind = true;
  }

  /** Lets the engines at work go first, for good. */
  goBehind(niceness?: number): void {
    if (this.pid !== undefined) putBehind(this.pid, niceness);
  }

  comeForward(): void {
    if (this.isBehind && this.pid !== undefined && !this.hasEnded) putForward(this.pid);
    this.isBehind = false;
  }

  /** Has the golden images scored again, between frames; `checked` tells how they did. */
  checkGolden(): void {
    this.send({ kind: 'check_golden' });
  }

  /** Asks the child to end, and ends it after `graceMs` if it does not; its end takes no core from others. */
  async stop(graceMs: number): Promise<void> {
    this.cause ??= 'stopped';
    if (!this.hasEnded) this.goBehind();
    this.send({ kind: 'stop' });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    await Promise.race([this.gone, after(graceMs + LINGER_MS, undefined, { ref: false })]);
    clearTimeout(timer);
  }

  /** Ends the child at once. What it has said and was not heard yet does not count: it may be what it is killed for. */
  kill(cause: string): void {
    this.child.kill('SIGKILL');
    this.end(cause);
  }

  private send(message: ToEngine): void {
    // A failed send means a dying child; its exit event answers for it.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private hear(message: FromEngine): void {
    if (this.hasEnded) return;
    this.lastHeard = performance.now();
    this.isPinged = false;
    switch (message.kind) {
      case 'ready':
        this.settleStart?.(message);
        this.settleStart = undefined;
        break;
      case 'failed':
        this.settleStart?.(new EngineStartError(message.stage, message.detail));
        this.settleStart = undefined;
        break;
      case 'scored':
      case 'faulted':
        if (this.rehearsal === undefined) this.events.answered(message);
        else this.rehearsal.hear(message);
        break;
      case 'golden':
        this.events.checked(message);
        break;
      case 'pong':
        break;
    }
  }

  /** While a run blocks the child its pong waits too, so silence is judged against `hangMs`, not against the ping. */
  private checkLife(): void {
    const now = performance.now();
    // Where this process itself stood still (a container paused, a machine that swaps) it heard nothing, and the child may have as well.
    this.lastHeard = Math.min(now, this.lastHeard + Math.max(0, now - this.checkedAt - PING_MS));
    this.checkedAt = now;
    const silentMs = now - this.lastHeard;
    if (this.settleStart !== undefined) {
      if (silentMs > this.options.startTimeoutMs) {
        this.settleStart(
          new EngineStartError(
            'timeout',
            `no proof of the model within ${this.options.startTimeoutMs} ms (engine.start_timeout_ms): is this machine busy with something else?`,
          ),
        );
        this.settleStart = undefined;
      }
      return;
    }
    if (this.isPinged && silentMs > this.options.hangMs) {
      this.kill(`engine hung: silent for ${Math.round(silentMs)} ms`);
      return;
    }
    if (!this.isPinged) {
      this.isPinged = true;
      this.lastHeard = performance.now();
      this.send({ kind: 'ping' });
    }
  }

  private end(cause: string): void {
    clearInterval(this.timer);
    this.settleStart?.(new EngineStartError('exit', this.cause ?? cause));
    this.settleStart = undefined;
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.rehearsal?.hear({ kind: 'gone', cause: this.cause ?? cause });
    this.events.ended(this.cause ?? cause);
  }
}
