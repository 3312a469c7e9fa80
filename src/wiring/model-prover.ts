/** Models proven in an engine of their own, on the provider that would serve them. */

import type { Config } from '../config/schema.ts';
import { EngineStartError } from '../engine/engine-process.ts';
import { proveOnce } from '../engine/one-proof.ts';
import type { EngineReady } from '../engine/protocol.ts';
import { LoupeError } from '../errors.ts';
import type { GoldenReport } from '../frame/models.ts';
import type { Provider } from '../frame/verdict.ts';
import type { Workplace } from './model-control.ts';
import type { ModelPackage, PackagedModel } from '../model-repository/package.ts';
import { Turns } from '../turns.ts';
import { ModelsAtWork } from './models-at-work.ts';
import type { PackagedRecipe } from './packaged-recipes.ts';

export class ModelProver {
  private readonly config: Config;
  private readonly cudaMissing: string | null;
  private readonly turns = new Turns();
  /** Under way or waiting for their turn, by file. */
  private readonly proofs = new Map<string, Promise<EngineReady>>();
  private readonly stopping = new AbortController();

  /** @param cudaMissing null when CUDA can be tried, else what it lacks */
  constructor(config: Config, cudaMissing: string | null) {
    this.config = config;
    this.cudaMissing = cudaMissing;
  }

  /**
   * One model after the other, and two who ask for the same one get the same proof: each engine takes memory and cores that the
   * line needs.
   * @throws LoupeError model_refused with the stage that failed, shutting_down
   */
  prove(model: PackagedModel): Promise<EngineReady> {
    const key = `${model.file} ${model.sha256}`;
    const forget = () => this.proofs.delete(key);
    const proof = this.proofs.get(key) ?? this.turns.take(() => this.inEngine(model)).finally(forget);
    this.proofs.set(key, proof);
    return proof;
  }

  /** Refuses what is being proven and what waits for it. */
  stop(): void {
    this.stopping.abort();
  }

  private async inEngine(model: PackagedModel): Promise<EngineReady> {
    const wanted = this.config.engine.provider;
    const triesCuda = wanted !== 'cpu' && this.cudaMissing === null;
    if (wanted === 'cuda' && !triesCuda) throw refused(model, 'load', this.cudaMissing ?? 'no CUDA');
    try {
      if (!triesCuda) return await this.on('cpu', model);
      return await this.on('cuda', model).catch((error: unknown) => {
        if (wanted === 'cuda' || !(error instanceof EngineStartError)) throw error;
        return this.on('cpu', model);
      });
    } catch (error) {
      this.refuseWhileStopping();
      if (error instanceof EngineStartError) throw refused(model, error.stage, error.message);
      throw error;
    }
  }

  private async on(provider: Provider, model: PackagedModel): Promise<EngineReady> {
    this.refuseWhileStopping();
    const { engine, limits } = this.config;
    return proveOnce({
      settings: {
        model,
        provider,
        deviceId: engine.device_id,
        threads: engine.threads,
        batchSizes: engine.batch_sizes ?? [1],
        maxPixels: limits.pixels,
        isProbed: true,
      },
      startTimeoutMs: engine.start_timeout_ms,
      signal: this.stopping.signal,
    });
  }

  private refuseWhileStopping(): void {
    if (this.stopping.signal.aborted) throw new LoupeError('shutting_down', 'the service is stopping');
  }
}

/** Beside a stopped service: a package is proven in an engine that ends right after, and serves from the next start on. */
export class ProvingWorkplace implements Workplace {
  private readonly prover: ModelProver;

  constructor(prover: ModelProver) {
    this.prover = prover;
  }

  async switchTo(recipes: readonly PackagedRecipe[], commit: () => Promise<void>): Promise<void> {
    const [first] = recipes;
    if (first !== undefined) await this.prover.prove(first.package.engineModel);
    await commit();
  }

  async drained(): Promise<void> {
    // Nothing is at work.
  }

  /** Scored now. */
  async goldenReport(found: ModelPackage): Promise<GoldenReport> {
    const ready = await this.prover.prove(found.engineModel);
    const state = { isOk: true, maxError: ready.goldenMaxError, scores: ready.goldenScores, detail: null };
    return reportOf(found, ready.provider, { ...state, checkedAt: Date.now() });
  }
}

/** The engines of a running service. */
export class ServingWorkplace extends ProvingWorkplace {
  private readonly models: ModelsAtWork;

  constructor(prover: ModelProver, models: ModelsAtWork) {
    super(prover);
    this.models = models;
  }

  override switchTo(recipes: readonly PackagedRecipe[], commit: () => Promise<void>): Promise<void> {
    return this.models.switchTo(recipes, commit);
  }

  override drained(): Promise<void> {
    return this.models.drained();
  }

  /** Of a model at work: its last check. Of another: scored now, in an engine of its own. */
  override async goldenReport(found: ModelPackage): Promise<GoldenReport> {
    const { name, version } = found.manifest;
    const state = this.models.states().find((one) => one.model === name && one.version === version);
    if (state === undefined || state.golden === null) return super.goldenReport(found);
    return reportOf(found, state.provider ?? '', state.golden);
  }
}

function reportOf(found: ModelPackage, provider: string, state: GoldenFacts): GoldenReport {
  const { name, version, golden, golden_tolerance: tolerance } = found.manifest;
  const { checkedAt, isOk, maxError, detail } = state;
  const scores = state.scores.map((scored, i) => ({
    file: golden[i]?.file ?? '',
    expected: golden[i]?.probability ?? Number.NaN,
    scored,
  }));
  return { name, version, provider, checkedAt, isOk, tolerance, maxError, detail, scores };
}

type GoldenFacts = Pick<GoldenReport, 'checkedAt' | 'isOk' | 'maxError' | 'detail'> & {
  readonly scores: readonly number[];
};

function refused(model: PackagedModel, stage: string, detail: string): LoupeError {
  return new LoupeError('model_refused', `${model.name}/${model.version} failed at ${stage}: ${detail}`);
}
