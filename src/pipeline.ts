/**
 * The way of one frame, from top to bottom. Read this file first.
 *
 *   inspect ─> known camera? ─> store up? ─> a repeat? ─> recipe, image header
 *                                                                  │
 *           answer <─ record (ledger) <─ in order <─ decide <─ admission ─> engine
 *
 * Every frame ends in exactly one of two ways: a row in the ledger (an inspection, or UNINSPECTED with its reason; a repeated
 * frame ends in the row it already has), or a refusal that left nothing behind. Nothing is answered before its row is
 * committed, and every wait before that, for an engine or a turn, ends at the frame's deadline.
 */

import { deadlineOf } from './deadline.ts';
import { dispositionOf, judge } from './decide/decide.ts';
import type { TaskResult } from './engine/task.ts';
import { asLoupeError, type RefusalCode, type UninspectedReason } from './errors.ts';
import type { Frame, Image, Roi } from './frame/frame.ts';
import type { FrameNotes } from './frame/frame-notes.ts';
import { OTHER_BYTES, otherThan } from './frame/repeat.ts';
import type {
  Cuts,
  Decision,
  Delivery,
  ModelInput,
  ModelRef,
  Outcome,
  RecordedResult,
  Refusal,
  StageTimes,
} from './frame/verdict.ts';
import type { Admission } from './ingest/admission.ts';
import type { Cameras, CameraSettings } from './ingest/cameras.ts';
import { FrozenCameras } from './ingest/frozen-cameras.ts';
import type { InspectOptions, Inspector } from './ingest/ports.ts';
import { type Turn, Turnstile } from './ingest/turnstile.ts';
import { RecentNames } from './recent-names.ts';
import { WaitingFrame } from './waiting-frame.ts';

/** A recipe whose model is loaded. */
export interface ActiveRecipe {
  readonly id: string;
  /** Which engines score its frames. */
  readonly lane: string;
  /** Of its model's input and output contract, lower-case hex. */
  readonly contractSha256: string;
  readonly roi: Roi | null;
  readonly cuts: Cuts;
}

export interface Engines {
  /** Work is waiting. */
  kick(): void;
  /** Why no engine is at work; null when one is. */
  whyDown(): string | null;
  /** A frame is theirs from now on, whatever becomes of its recipe, until it has left. */
  entered(): void;
  left(): void;
}

export type RecordOutcome =
  | { readonly kind: 'recorded' | 'duplicate' | 'conflict'; readonly result: RecordedResult }
  | { readonly kind: 'unavailable'; readonly detail: string };

export interface LedgerPort {
  /** Why nothing can be recorded now; null when it can. */
  whyUnavailable(): string | null;
  find(cameraId: Frame['cameraId'], frameId: Frame['frameId']): Promise<RecordedResult | null>;
  record(decision: Decision, image: Image, deliveries: readonly Delivery[]): Promise<RecordOutcome>;
  /** Further messages about a recorded result, marked duplicate. */
  enqueue(resultId: string, deliveries: readonly Delivery[]): Promise<boolean>;
}

export type ImageCheck = { readonly mediaType: string } & (
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: UninspectedReason; readonly detail: string }
);

export interface PipelineObserver {
  received(frame: Frame): void;
  /** Exactly once for each frame received. */
  finished(frame: Frame, outcome: Outcome, notes: FrameNotes): void;
  /** A bug or a broken environment; the frame was refused as `internal`. */
  failed(frame: Frame, error: unknown): void;
}

export interface PipelineParts {
  readonly cameras: Cameras;
  /** May change between two frames: a model that takes over. */
  readonly recipes: ReadonlyMap<string, ActiveRecipe>;
  readonly admission: Admission<WaitingFrame>;
  readonly engines: ReadonlyMap<string, Engines>;
  readonly ledger: LedgerPort;
  readonly checkImage: (image: Image) => ImageCheck;
  /** Whether results are published on the cameras' result topics. */
  readonly publishes: boolean;
  readonly newResultId: () => string;
  /** `now`: milliseconds since 1970; `mono`: monotonic milliseconds. */
  readonly clock: { now(): number; mono(): number };
  readonly observer: PipelineObserver;
}

/** How long a frame waits for an engine to come back when none is at work. */
const ENGINE_RETURN_MS = 2000;

/** Frames that are looked up before they are inspected, should they come again. */
const RECENT_FRAMES = 10_000;

const RESULT_TOPIC: Delivery = { topic: null, correlationData: null };

interface InFlight {
  readonly imageSha256: string;
  readonly outcome: Promise<Outcome>;
}

interface Scoring {
  readonly result: TaskResult;
  readonly modelInput: ModelInput | null;
  readonly queueMs: number | null;
}

export class Pipeline implements Inspector {
  private readonly parts: PipelineParts;
  private readonly turnstile = new Turnstile();
  /** By camera and frame id: what comes again while it is still being looked at waits for the first one's outcome. */
  private readonly inFlight = new Map<string, InFlight>();
  private readonly recent = new RecentNames(RECENT_FRAMES);
  private readonly frozen = new FrozenCameras();
  private inside = 0;
  private isDraining = false;
  private onEmpty: (() => void) | undefined;

  constructor(parts: PipelineParts) {
    this.parts = parts;
  }

  get framesInFlight(): number {
    return this.inside;
  }

  async inspect(frame: Frame, options: InspectOptions = {}): Promise<Outcome> {
    const { observer } = this.parts;
    observer.received(frame);
    this.inside++;
    const notes: FrameNotes = { batchSize: null, recordMs: null, look: null };
    let outcome: Outcome;
    try {
      outcome = await this.once(frame, options, notes);
    } catch (error) {
      const { code, message } = asLoupeError(error);
      if (code !== 'store_unavailable') observer.failed(frame, error);
      outcome = refuse(code === 'store_unavailable' ? code : 'internal', message);
    }
    this.inside--;
    observer.finished(frame, outcome, notes);
    if (this.inside === 0) this.onEmpty?.();
    return outcome;
  }

  /** The next frame for the engines of `lane`, marked with the time they took it. */
  take(lane: string): WaitingFrame | undefined {
    const waiting = this.parts.admission.take(lane);
    if (waiting !== undefined) waiting.takenAtMono = this.parts.clock.mono();
    return waiting;
  }

  /** From now on frames are recorded as UNINSPECTED(draining). Resolves when none is in flight, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.isDraining = true;
    if (this.inside === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Sees to it that of two frames with one name only the first goes on. */
  private async once(frame: Frame, options: InspectOptions, notes: FrameNotes): Promise<Outcome> {
    const name = nameOf(frame);
    const twin = this.inFlight.get(name);
    if (twin !== undefined) {
      if (twin.imageSha256 !== frame.imageSha256) return conflict(frame, OTHER_BYTES);
      const outcome = await twin.outcome;
      return outcome.kind === 'answered' ? this.again(frame, outcome.result, options) : outcome;
    }
    const turn = this.turnstile.enter(frame.cameraId);
    const outcome = this.walk(frame, options, turn, notes);
    this.inFlight.set(name, { imageSha256: frame.imageSha256, outcome });
    try {
      return await outcome;
    } finally {
      turn.pass();
      this.inFlight.delete(name);
      this.recent.add(name);
    }
  }

  private async walk(frame: Frame, options: InspectOptions, turn: Turn, notes: FrameNotes): Promise<Outcome> {
    const { cameras, ledger, clock } = this.parts;
    const camera = cameras.admit(frame.cameraId);
    if ('kind' in camera) return camera;
    const down = ledger.whyUnavailable();
    if (down !== null) return refuse('store_unavailable', down);
    // Where nothing hints at it, the ledger itself tells a repeat from a new frame, when the row is written.
    if (options.isRepeat === true || this.recent.has(nameOf(frame))) {
      const earlier = await ledger.find(frame.cameraId, frame.frameId);
      if (earlier !== null) return this.again(frame, earlier, options);
    }

    const expiresAtMono = deadlineOf(frame, camera);
    const decision = await this.decide(frame, camera, expiresAtMono, options.signal, notes);
    // Inspections are recorded in the order of their frames; that a part was not inspected is said at once.
    if (decision.verdict !== 'UNINSPECTED') await turn.wait(expiresAtMono - clock.mono());
    const recordedFrom = clock.mono();
    const deliveries = [...(this.parts.publishes ? [RESULT_TOPIC] : []), ...(options.deliveries ?? [])];
    const recording = ledger.record(decision, frame.image, deliveries);
    turn.pass();
    const recorded = await recording;
    notes.recordMs = clock.mono() - recordedFrom;
    switch (recorded.kind) {
      case 'recorded':
        return { kind: 'answered', result: recorded.result, duplicate: false };
      case 'duplicate':
        return this.again(frame, recorded.result, options);
      case 'conflict':
        return conflict(frame, OTHER_BYTES);
      case 'unavailable':
        return refuse('store_unavailable', recorded.detail);
    }
  }

  /** Answers a frame that has its row already. Over MQTT the answer itself may be what got lost: it is sent again. */
  private async again(frame: Frame, earlier: RecordedResult, options: InspectOptions): Promise<Outcome> {
    const how = otherThan(frame, earlier);
    if (how !== null) return conflict(frame, how);
    if (frame.transport === 'mqtt' && this.parts.publishes) {
      const isQueued = await this.parts.ledger.enqueue(earlier.resultId, [RESULT_TOPIC, ...(options.deliveries ?? [])]);
      if (!isQueued) return refuse('store_unavailable', 'the answer to a repeated frame could not be queued');
    }
    return { kind: 'answered', result: earlier, duplicate: true };
  }

  private async decide(
    frame: Frame,
    camera: CameraSettings,
    expiresAtMono: number,
    signal: AbortSignal | undefined,
    notes: FrameNotes,
  ): Promise<Decision> {
    const check = this.parts.checkImage(frame.image);
    const recipeId = frame.recipeId ?? camera.recipeId;
    const recipe = this.parts.recipes.get(recipeId);
    const sameFrames = this.frozen.note(frame, camera);
    let scoring: Scoring;
    if (this.isDraining) scoring = unscored('draining', 'the service is stopping');
    else if (!check.ok) scoring = unscored(check.reason, check.detail);
    else if (recipe === undefined) {
      scoring = unscored(
        'unknown_recipe',
        `no recipe "${recipeId}"; there are: ${[...this.parts.recipes.keys()].join(', ')}`,
      );
    } else if (sameFrames !== null) {
      const detail = `the very same picture, ${sameFrames} times in a row: the camera is frozen (frozen_after)`;
      scoring = unscored('frozen_camera', detail);
    } else scoring = await this.score(frame, recipe, expiresAtMono, signal);
    const { result } = scoring;
    if (result.kind === 'scored') ({ batchSize: notes.batchSize, look: notes.look } = result);
    return this.decisionOf(frame, camera, { id: recipeId, recipe }, check.mediaType, scoring);
  }

  /** Through the waiting line and an engine, until `expiresAtMono` at the latest. */
  private async score(
    frame: Frame,
    recipe: ActiveRecipe,
    expiresAtMono: number,
    signal: AbortSignal | undefined,
  ): Promise<Scoring> {
    const { admission, clock } = this.parts;
    const engines = this.parts.engines.get(recipe.lane);
    if (engines === undefined) throw new Error(`recipe ${recipe.id} has no engines`);
    const now = clock.mono();
    const waiting = new WaitingFrame(frame, recipe.lane, frame.roi ?? recipe.roi, now, expiresAtMono);
    const full = admission.enter(waiting);
    if (full !== null) return unscored(full.reason, full.detail);
    engines.entered();
    const patienceMs = expiresAtMono - now;
    const expire = () => waiting.settle(lateBecause(engines.whyDown(), waiting.takenAtMono !== null, patienceMs));
    const giveUp = () => engines.whyDown() !== null && expire();
    const cancel = () => waiting.settle(faulted('cancelled', 'the sender gave up waiting'));
    const timers = [setTimeout(expire, Math.max(0, patienceMs))];
    if (engines.whyDown() !== null) timers.push(setTimeout(giveUp, ENGINE_RETURN_MS));
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    engines.kick();
    const result = await waiting.result;
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
    admission.leave(waiting);
    engines.left();
    const modelInput = { roi: waiting.roi, contractSha256: recipe.contractSha256 };
    return { result, modelInput, queueMs: (waiting.takenAtMono ?? clock.mono()) - now };
  }

  private decisionOf(
    frame: Frame,
    camera: CameraSettings,
    used: { readonly id: string; readonly recipe: ActiveRecipe | undefined },
    mediaType: string,
    scoring: Scoring,
  ): Decision {
    const { clock } = this.parts;
    const { result } = scoring;
    const cuts = used.recipe?.cuts ?? null;
    const judgement =
      result.kind === 'scored' && cuts !== null
        ? judge(result, cuts)
        : ({ verdict: 'UNINSPECTED', ...reasonOf(result) } as const);
    const score = result.kind === 'scored' && judgement.verdict !== 'UNINSPECTED' ? result : null;
    const model: ModelRef | null = result.kind === 'scored' ? result.model : null;
    const times: StageTimes = {
      queueMs: scoring.queueMs,
      decodeMs: result.kind === 'scored' ? result.decodeMs : null,
      inferMs: result.kind === 'scored' ? result.inferMs : null,
      totalMs: clock.mono() - frame.receivedAtMono,
    };
    return {
      resultId: this.parts.newResultId(),
      cameraId: frame.cameraId,
      frameId: frame.frameId,
      sequence: frame.sequence,
      partId: frame.partId,
      jobId: frame.jobId,
      productId: frame.productId,
      measId: frame.measId,
      capturedAt: frame.capturedAt,
      receivedAt: frame.receivedAt,
      decidedAt: clock.now(),
      transport: frame.transport,
      tags: frame.tags,
      isSimulated: frame.isSimulated,
      verdict: judgement.verdict,
      reason: judgement.reason,
      reasonDetail: judgement.verdict === 'UNINSPECTED' ? judgement.detail : null,
      disposition: dispositionOf(judgement.verdict, camera.onUninspected),
      defectProbability: score?.probability ?? null,
      unfamiliarity: score?.unfamiliarity ?? null,
      recipeId: used.id,
      cuts,
      model,
      provider: result.kind === 'scored' ? result.provider : null,
      modelInput: result.kind === 'scored' ? scoring.modelInput : null,
      times,
      imageSha256: frame.imageSha256,
      imageBytes: frame.image.bytes.byteLength,
      imageMediaType: mediaType,
    };
  }
}

function nameOf({ cameraId, frameId }: Frame): string {
  return `${cameraId}/${frameId}`;
}

function lateBecause(down: string | null, isTaken: boolean, waitedMs: number): TaskResult {
  if (down !== null) return faulted('engine_unavailable', `no engine is at work: ${down}`);
  const where = isTaken ? 'an engine has it' : 'it still waits for an engine';
  return faulted('deadline_exceeded', `no score within ${Math.round(waitedMs)} ms; ${where}`);
}

function reasonOf(result: TaskResult): { reason: UninspectedReason; detail: string } {
  if (result.kind === 'faulted') return { reason: result.reason, detail: result.detail };
  throw new Error('a score without cuts');
}

function faulted(reason: UninspectedReason, detail: string): TaskResult {
  return { kind: 'faulted', reason, detail };
}

function unscored(reason: UninspectedReason, detail: string): Scoring {
  return { result: faulted(reason, detail), modelInput: null, queueMs: null };
}

function refuse(code: RefusalCode, message: string): Refusal {
  return { kind: 'refused', code, message };
}

function conflict({ cameraId, frameId }: Frame, how: string): Refusal {
  return refuse('frame_id_conflict', `camera "${cameraId}" has sent frame "${frameId}" before, ${how}`);
}
