/**
 * A candidate beside the model that decides for one recipe. It is offered each frame once that is answered, scores it behind the
 * engines at work, and is compared; a frame that finds it busy is skipped and counted.
 */

import { messageOf } from '../errors.ts';
import { judge } from '../decide/decide.ts';
import type { EnginePool } from '../engine/pool.ts';
import type { TaskResult, TaskSource } from '../engine/task.ts';
import type { Frame } from '../frame/frame.ts';
import type { ModelVersion } from '../frame/models.ts';
import type { Disagreement, Judged, ShadowCounts, ShadowState } from '../frame/shadows.ts';
import type { Cuts, RecordedResult } from '../frame/verdict.ts';
import { WaitingFrame } from '../waiting-frame.ts';
import type { DisagreementStore } from './disagreement-store.ts';

export interface ShadowRunOptions {
  readonly recipe: string;
  readonly model: ModelVersion;
  readonly cuts: Cuts;
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly store: DisagreementStore;
  /** Engines of the candidate, not started. */
  readonly poolFrom: (source: TaskSource) => EnginePool;
  onCompared(outcome: keyof ShadowCounts): void;
  onUnkept(why: string): void;
}

/** Frames that may wait for the candidate: it is to see the line as it is, not to catch up with it. */
const MAX_WAITING = 4;
const PATIENCE_MS = 10_000;

export class ShadowRun {
  readonly store: DisagreementStore;
  private readonly options: ShadowRunOptions;
  private readonly pool: EnginePool;
  private readonly waiting: WaitingFrame[] = [];
  private readonly counts = { agreed: 0, disagreed: 0, skipped: 0, failed: 0, unkept: 0 };

  constructor(options: ShadowRunOptions) {
    this.options = options;
    this.store = options.store;
    this.pool = options.poolFrom({ take: () => this.waiting.shift() });
  }

  get model(): ModelVersion {
    return this.options.model;
  }

  get state(): ShadowState {
    const { recipe, model, cuts, by, since } = this.options;
    return { recipe, model, cuts, by, since, counts: { ...this.counts }, down: this.pool.status().down };
  }

  /** @throws EngineStartError, ProviderUnavailableError where the candidate cannot be proven; its engines are gone then */
  async start(): Promise<void> {
    try {
      await this.pool.startAllOrNone();
    } catch (error) {
      await this.pool.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.pool.stop();
  }

  /** A frame that was answered by `result`. Returns at once. */
  offer(frame: Frame, result: RecordedResult): void {
    const { model, modelInput } = result;
    // Activated meanwhile: there is nothing to compare any more.
    const hasTakenOver = model?.name === this.model.name && model.version === this.model.version;
    if (modelInput === null || hasTakenOver) return;
    if (this.waiting.length >= MAX_WAITING || this.pool.status().down !== null) {
      this.count('skipped');
      return;
    }
    const now = performance.now();
    const task = new WaitingFrame(frame, this.options.recipe, modelInput.roi, now, now + PATIENCE_MS);
    this.waiting.push(task);
    this.pool.kick();
    void task.result.then((scored) => this.compare(frame, result, scored));
  }

  private async compare(frame: Frame, result: RecordedResult, scored: TaskResult): Promise<void> {
    if (
      scored.kind === 'faulted' &&
      (scored.reason === 'deadline_exceeded' || scored.reason === 'engine_unavailable')
    ) {
      this.count('skipped');
      return;
    }
    const candidate = judgedBy(scored, this.options.cuts);
    if (candidate.verdict === 'UNINSPECTED') this.count('failed');
    else this.count(candidate.verdict === result.verdict ? 'agreed' : 'disagreed');
    if (candidate.verdict === result.verdict) return;
    try {
      await this.store.keep(this.disagreementOf(result, candidate), frame.image.bytes);
    } catch (error) {
      this.count('unkept');
      this.options.onUnkept(messageOf(error));
    }
  }

  private disagreementOf(result: RecordedResult, candidate: Judged): Disagreement {
    const { resultId, cameraId, frameId, partId, receivedAt, imageMediaType, verdict, defectProbability, model } =
      result;
    const { recipe, model: own } = this.options;
    return {
      resultId,
      recipe,
      cameraId,
      frameId,
      partId,
      receivedAt,
      imageMediaType,
      activeModel: `${model?.name}/${model?.version}`,
      active: { verdict, probability: defectProbability },
      candidateModel: `${own.name}/${own.version}`,
      candidate,
    };
  }

  private count(outcome: keyof ShadowCounts): void {
    this.counts[outcome]++;
    this.options.onCompared(outcome);
  }
}

function judgedBy(scored: TaskResult, cuts: Cuts): Judged {
  if (scored.kind === 'faulted') return { verdict: 'UNINSPECTED', probability: null };
  const { verdict } = judge(scored, cuts);
  return { verdict, probability: verdict === 'UNINSPECTED' ? null : scored.probability };
}
