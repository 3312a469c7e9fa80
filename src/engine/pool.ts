/**
 * The engines of one model: started, proven, fed, replaced.
 *
 *   admission ──take()──> EnginePool ──score──> engine child 1   (each child: decode → batch → CNN)
 *                              │     ──score──> engine child 2
 *                              └── retries: frames of a dead engine, once more, each alone
 *
 * An engine is given work only while it has room (twice its largest batch, so that decoding overlaps inference); what waits,
 * waits in admission. A frame whose engine died is tried once more on an idle engine that gets nothing else meanwhile, so
 * that a frame which kills engines is found out and takes no other with it.
 */

import { messageOf } from '../errors.ts';
import type { UninspectedReason } from '../errors.ts';
import type { ModelRef, Provider } from '../frame/verdict.ts';
import { inForm } from './contract.ts';
import { whyNoCuda } from './cuda.ts';
import { EngineProcess, EngineStartError } from './engine-process.ts';
import { type GoldenState, GoldenWatch } from './golden-watch.ts';
import type { EngineModel, EngineReady, Faulted, GoldenChecked, Scored } from './protocol.ts';
import { Restarts } from './restarts.ts';
import type { Task, TaskSource } from './task.ts';

export type WantedProvider = Provider | 'auto';

export type PoolEvent =
  | { readonly kind: 'engine_ready'; readonly pid: number | undefined; readonly ready: EngineReady }
  | { readonly kind: 'engine_lost'; readonly pid: number | undefined; readonly cause: string; readonly retried: number }
  | { readonly kind: 'engine_not_proven'; readonly provider: Provider; readonly stage: string; readonly detail: string }
  | { readonly kind: 'golden_failed'; readonly pid: number | undefined; readonly detail: string }
  | { readonly kind: 'degraded'; readonly detail: string }
  | { readonly kind: 'engine_stderr'; readonly line: string };

export interface PoolOptions {
  readonly model: EngineModel;
  readonly wanted: WantedProvider;
  readonly deviceId: number;
  readonly maxPixels: number;
  readonly hangMs: number;
  readonly startTimeoutMs: number;
  /** How often the golden images are scored again; null: at the start of an engine only. */
  readonly goldenCheckMs: number | null;
  /** How many children, with how many threads and which batch sizes, on each provider. */
  readonly layout: Readonly<
    Record<Provider, { processes: number; threads: number; batchSizes: readonly number[]; decodeThreads: number }>
  >;
  /** Whether its engines leave the cores to everybody else, for good. */
  readonly staysBehind?: boolean;
  /** Null when CUDA can be tried here, else why it cannot (nothing is spawned to find out). */
  readonly cudaMissing: string | null;
  onEvent(event: PoolEvent): void;
}

export interface PoolStatus {
  readonly model: ModelRef;
  readonly wanted: WantedProvider;
  readonly provider: Provider | null;
  /** Why the wanted provider is not the one at work; null when it is. */
  readonly degraded: string | null;
  /** The form of the model at work; null: model.onnx itself, or none at work. */
  readonly variant: string | null;
  readonly enginesReady: number;
  readonly enginesWanted: number;
  readonly restarts: number;
  /** Why no engine is at work; null when one is. */
  readonly down: string | null;
  /** Null before the first check. */
  readonly golden: GoldenState | null;
}

interface Slot {
  engine: EngineProcess | undefined;
  model: ModelRef;
  ready: EngineReady | undefined;
  isIsolated: boolean;
  readonly tasks: Map<number, Attempt>;
}

interface Attempt {
  readonly task: Task;
  readonly isRetry: boolean;
}

/** CUDA was demanded and is not to be had. */
export class ProviderUnavailableError extends Error {
  override readonly name = 'ProviderUnavailableError';
}

const STOP_GRACE_MS = 2000;

export class EnginePool {
  private readonly options: PoolOptions;
  private readonly source: TaskSource;
  private readonly ref: ModelRef;
  private readonly restarts = new Restarts();
  private readonly retries: Task[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly golden = new GoldenWatch();
  /** As the first engine has chosen its form: what runs beside it runs the same. */
  private model: EngineModel;
  private slots: Slot[] = [];
  private provider: Provider;
  private degraded: string | null = null;
  private down: string | null = 'not started';
  private restartCount = 0;
  private nextId = 1;
  private isStopping = false;

  constructor(options: PoolOptions, source: TaskSource) {
    this.options = options;
    this.source = source;
    this.model = options.model;
    this.ref = { name: options.model.name, version: options.model.version, sha256: options.model.sha256 };
    this.provider = options.wanted === 'cpu' ? 'cpu' : 'cuda';
  }

  /**
   * Starts every engine and resolves when each is proven or has failed a first time. A model that cannot be proven leaves the
   * pool down, with its reason in `status()`, and is tried again.
   * @throws ProviderUnavailableError when `cuda` was demanded and does not work here
   */
  async start(): Promise<void> {
    if (this.provider === 'cuda' && this.options.cudaMissing !== null) this.refuseCuda(this.options.cudaMissing);
    // One first where it finds out for all of them: whether CUDA works, which form is the quickest.
    if (this.provider === 'cuda' || this.hasForms(this.provider)) await this.fill(this.addSlot());
    await this.grow();
    this.watchGolden();
  }

  /**
   * Starts every engine of a model that is to take over from another: one after the other, since they take cores from those at
   * work, and all or none.
   * @throws EngineStartError of the first that is not proven; stop the pool then
   * @throws ProviderUnavailableError as `start` does
   */
  async startAllOrNone(): Promise<void> {
    if (this.provider === 'cuda' && this.options.cudaMissing !== null) this.refuseCuda(this.options.cudaMissing);
    while (this.slots.length < this.options.layout[this.provider].processes) {
      if (this.isStopping) throw new EngineStartError('exit', 'the service is stopping');
      await this.startEngine(this.addSlot(), this.provider, true);
    }
    // One that was proven may be gone by now, for want of memory above all.
    if (this.slots.some(({ ready }) => ready === undefined)) throw new EngineStartError('exit', String(this.down));
    if (this.options.staysBehind !== true) for (const { engine } of this.slots) engine?.comeForward();
    this.watchGolden();
  }

  /** Work may be waiting: hands out as much as the engines have room for. */
  kick(): void {
    for (;;) {
      const slot = this.roomiest();
      if (slot === undefined) return;
      const attempt = this.nextAttempt(slot);
      if (attempt === undefined) return;
      const id = this.nextId++;
      slot.tasks.set(id, attempt);
      slot.isIsolated = attempt.isRetry;
      const { task } = attempt;
      slot.engine?.score(id, task.image, task.roi, task.expiresAtMono - performance.now());
    }
  }

  status(): PoolStatus {
    const ready = this.slots.filter((slot) => slot.ready !== undefined);
    return {
      model: this.ref,
      wanted: this.options.wanted,
      provider: ready[0]?.ready?.provider ?? null,
      degraded: this.degraded,
      variant: ready[0]?.ready?.variant ?? null,
      enginesReady: ready.length,
      enginesWanted: this.options.layout[this.provider].processes,
      restarts: this.restartCount,
      down: ready.length > 0 ? null : this.down,
      golden: this.golden.state,
    };
  }

  /** Ends the engines. Frames still inside are settled as engine_unavailable: drain before stopping. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.down = 'stopped';
    this.golden.stop();
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.slots.map(async (slot) => slot.engine?.stop(STOP_GRACE_MS)));
    for (const task of this.retries.splice(0)) this.giveUp(task, 'engine_unavailable', 'the service is stopping');
  }

  /** Starts what is missing to the number of engines that the provider at work is given. */
  private async grow(): Promise<void> {
    if (this.isStopping) return;
    const { processes } = this.options.layout[this.provider];
    const added: Slot[] = [];
    while (this.slots.length < processes) added.push(this.addSlot());
    await Promise.all(added.map((slot) => this.fill(slot).catch((error: unknown) => this.goDown(slot, error))));
  }

  private addSlot(): Slot {
    const slot: Slot = { engine: undefined, model: this.ref, ready: undefined, isIsolated: false, tasks: new Map() };
    this.slots.push(slot);
    return slot;
  }

  /** Starts an engine in `slot`; on failure decides between CPU, a later try, and giving the provider up. */
  private async fill(slot: Slot): Promise<void> {
    const { provider } = this;
    try {
      await this.startEngine(slot, provider);
    } catch (error) {
      if (!(error instanceof EngineStartError)) throw error;
      if (this.isStopping) return;
      this.options.onEvent({ kind: 'engine_not_proven', provider, stage: error.stage, detail: error.message });
      if (error.stage === 'golden') this.golden.failed(error.message);
      this.down = `${error.stage}: ${error.message}`;
      if (provider === 'cuda') {
        if (this.provider === 'cuda') this.refuseCuda(whyNoCuda(error.stage, error.message));
        await this.fill(slot);
        await this.grow();
        return;
      }
      this.later(slot);
    }
  }

  private hasForms(provider: Provider): boolean {
    return this.model.files.filter(({ providers }) => providers.includes(provider)).length > 1;
  }

  /**
   * An engine that dies while it has forms to choose from cannot say which of them it was, nor leave it out: the next one is
   * given model.onnx alone.
   */
  private async startEngine(slot: Slot, provider: Provider, isTakingOver = false): Promise<void> {
    const hadChoice = this.hasForms(provider);
    try {
      await this.startOne(slot, provider, isTakingOver);
    } catch (error) {
      const alone = inForm(this.options.model, null);
      if (!(error instanceof EngineStartError) || error.stage !== 'exit') throw error;
      if (!hadChoice || alone === null || this.isStopping) throw error;
      const detail = `${error.message}; trying model.onnx without its variants`;
      this.options.onEvent({ kind: 'engine_not_proven', provider, stage: error.stage, detail });
      this.model = alone;
      await this.startOne(slot, provider, isTakingOver);
    }
  }

  private async startOne(slot: Slot, provider: Provider, isTakingOver: boolean): Promise<void> {
    const layout = this.options.layout[provider];
    const engine = new EngineProcess(
      {
        settings: {
          model: this.model,
          provider,
          deviceId: this.options.deviceId,
          threads: layout.threads,
          batchSizes: layout.batchSizes,
          maxPixels: this.options.maxPixels,
          isProbed: isTakingOver,
        },
        decodeThreads: layout.decodeThreads,
        hangMs: this.options.hangMs,
        startTimeoutMs: this.options.startTimeoutMs,
        onStderr: (line) => this.options.onEvent({ kind: 'engine_stderr', line }),
      },
      {
        answered: (message) => this.answer(slot, message),
        checked: (message) => this.checked(engine, message),
        ended: (cause) => this.lose(slot, engine, cause),
      },
    );
    slot.engine = engine;
    if (this.options.staysBehind === true) engine.goBehind();
    else if (isTakingOver) engine.stayBehind();
    const ready = await engine.start().catch((error: unknown) => {
      // What worked before does not now: the next one chooses again.
      this.model = this.options.model;
      throw error;
    });
    if (isTakingOver) await engine.rehearse();
    this.model = inForm(this.options.model, ready.variant) ?? this.options.model;
    slot.ready = ready;
    slot.model = ready.variant === null ? this.ref : { ...this.ref, variant: ready.variant };
    this.golden.proven(ready);
    this.options.onEvent({ kind: 'engine_ready', pid: engine.pid, ready });
    this.kick();
  }

  private watchGolden(): void {
    if (this.isStopping) return;
    this.golden.start(this.options.goldenCheckMs, () => {
      for (const slot of this.slots) if (slot.ready !== undefined) slot.engine?.checkGolden();
    });
  }

  /** An engine that scores its golden images otherwise than before is not to be believed: a new one has to prove itself. */
  private checked(engine: EngineProcess, message: GoldenChecked): void {
    this.golden.checked(message);
    if (message.isOk) return;
    this.options.onEvent({ kind: 'golden_failed', pid: engine.pid, detail: message.detail });
    engine.kill(`golden check: ${message.detail}`);
  }

  /** `cuda` demanded: an error. `auto`: the CPU from now on, and said so everywhere. */
  private refuseCuda(why: string): void {
    if (this.options.wanted === 'cuda') throw new ProviderUnavailableError(why);
    this.provider = 'cpu';
    this.degraded = why;
    this.options.onEvent({ kind: 'degraded', detail: why });
  }

  /** Only a demanded CUDA that went away gets here: it may come back, so the slot goes on trying. */
  private goDown(slot: Slot, error: unknown): void {
    this.down = messageOf(error);
    this.later(slot);
  }

  private later(slot: Slot): void {
    if (this.isStopping) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.restartCount++;
      this.fill(slot).catch((error: unknown) => this.goDown(slot, error));
    }, this.restarts.delayMs(performance.now()));
    this.timers.add(timer);
  }

  private answer(slot: Slot, message: Scored | Faulted): void {
    const attempt = slot.tasks.get(message.id);
    slot.tasks.delete(message.id);
    if (slot.tasks.size === 0) slot.isIsolated = false;
    if (attempt !== undefined && !attempt.task.isSettled) {
      if (message.kind === 'scored') {
        const { id: _, ...scored } = message;
        attempt.task.settle({ ...scored, model: slot.model, provider: slot.ready?.provider ?? this.provider });
      } else {
        this.giveUp(attempt.task, message.reason, message.detail);
      }
    }
    this.kick();
  }

  private lose(slot: Slot, engine: EngineProcess, cause: string): void {
    if (slot.engine !== engine) return;
    const wasReady = slot.ready !== undefined;
    slot.engine = undefined;
    slot.ready = undefined;
    slot.isIsolated = false;
    const orphans = [...slot.tasks.values()].filter((attempt) => !attempt.task.isSettled);
    slot.tasks.clear();
    for (const { task, isRetry } of orphans) {
      if (this.isStopping) this.giveUp(task, 'engine_unavailable', 'the service is stopping');
      else if (isRetry) this.giveUp(task, 'engine_failed', `${cause}, twice with this frame`);
      else this.retries.push(task);
    }
    // An engine that never became ready is the business of `fill`, which waits for it.
    if (!wasReady || this.isStopping) return;
    this.down = cause;
    this.options.onEvent({ kind: 'engine_lost', pid: engine.pid, cause, retried: orphans.length });
    this.later(slot);
    this.kick();
  }

  /** The ready engine with the most room; while retries wait, only an idle one will do. */
  private roomiest(): Slot | undefined {
    const window = 2 * (this.options.layout[this.provider].batchSizes.at(-1) ?? 1);
    const limit = this.hasRetries() ? 1 : window;
    let best: Slot | undefined;
    for (const slot of this.slots) {
      if (slot.ready === undefined || slot.isIsolated || slot.tasks.size >= limit) continue;
      if (best === undefined || slot.tasks.size < best.tasks.size) best = slot;
    }
    return best;
  }

  private hasRetries(): boolean {
    while (this.retries[0]?.isSettled === true) this.retries.shift();
    return this.retries.length > 0;
  }

  private nextAttempt(slot: Slot): Attempt | undefined {
    const retry = slot.tasks.size === 0 ? this.retries.shift() : undefined;
    if (retry !== undefined) return { task: retry, isRetry: true };
    const task = this.source.take();
    return task === undefined ? undefined : { task, isRetry: false };
  }

  private giveUp(task: Task, reason: UninspectedReason, detail: string): void {
    if (!task.isSettled) task.settle({ kind: 'faulted', reason, detail });
  }
}
