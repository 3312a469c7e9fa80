/** Recipes to models to engines: which packages decide, the pool of engines that serves each, and the change from one to another. */

import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.ts';
import { EngineStartError } from '../engine/engine-process.ts';
import { EnginePool, type PoolEvent, type PoolOptions, ProviderUnavailableError } from '../engine/pool.ts';
import type { Task, TaskSource } from '../engine/task.ts';
import { LoupeError } from '../errors.ts';
import { Lane } from './lane.ts';
import type { Cuts } from '../frame/verdict.ts';
import type { ModelPackage } from '../model-repository/package.ts';
import type { EnginesHealth } from '../observe/health.ts';
import type { ModelState } from '../observe/scraped-gauges.ts';
import type { PackagedRecipe } from './packaged-recipes.ts';
import type { ActiveRecipe, Engines } from '../pipeline.ts';

const GPU_BATCHES = [1, 2, 4, 8, 16, 32];
const MAX_CPU_PROCESSES = 8;

export interface ModelsAtWorkOptions {
  readonly config: Config;
  readonly recipes: readonly PackagedRecipe[];
  /** Null when CUDA can be tried, else what it lacks. */
  readonly cudaMissing: string | null;
  /** Where the engines of a lane get their frames. */
  take(lane: string): Task | undefined;
  onEvent(lane: string, event: PoolEvent): void;
}

export class ModelsAtWork {
  private readonly options: ModelsAtWorkOptions;
  private readonly active: Map<string, ActiveRecipe>;
  private readonly packages = new Map<string, ModelPackage>();
  private readonly lanes = new Map<string, Lane>();
  /** Lanes that only finish what they have. */
  private readonly retiring = new Map<Lane, Promise<void>>();
  private candidate: Lane | null = null;
  private takesChanges = true;

  constructor(options: ModelsAtWorkOptions) {
    this.options = options;
    this.active = new Map(options.recipes.map(({ recipe }) => [recipe.id, recipe]));
    for (const { recipe, package: found } of options.recipes) {
      this.packages.set(recipe.lane, found);
      if (!this.lanes.has(recipe.lane))
        this.lanes.set(recipe.lane, this.laneOf(recipe.lane, found, options.cudaMissing));
    }
  }

  /** By id. */
  get recipes(): ReadonlyMap<string, ActiveRecipe> {
    return this.active;
  }

  /** What the pipeline needs of the pools, by lane. */
  get engines(): ReadonlyMap<string, Engines> {
    return this.lanes;
  }

  /** The package of a model at work: `name/version`. */
  packageAt(lane: string): ModelPackage | undefined {
    return this.packages.get(lane);
  }

  /** The package that decides for a recipe. */
  packageOf(recipeId: string): ModelPackage | undefined {
    const recipe = this.active.get(recipeId);
    return recipe === undefined ? undefined : this.packages.get(recipe.lane);
  }

  /**
   * Starts the engines of every model; resolves when each has one at work or has failed a first time.
   * @throws ProviderUnavailableError when `engine.provider: cuda` and CUDA does not work
   */
  async start(): Promise<void> {
    await Promise.all([...this.lanes.values()].map((lane) => lane.pool.start()));
  }

  /** Gives up a model that is being proven, and takes no other. */
  async stopChanging(): Promise<void> {
    this.takesChanges = false;
    await this.candidate?.pool.stop();
  }

  async stop(): Promise<void> {
    await this.stopChanging();
    await Promise.all([...this.lanes.values(), ...this.retiring.keys()].map((lane) => lane.pool.stop()));
  }

  /**
   * Puts another model behind recipes while they are at work:
   *
   *   new engines loaded, warmed, golden ──> commit ──> recipes switched, all at once ──> old engines drained and ended
   *        └── any failure: the new engines end, everything else stays as it is
   *
   * One at a time; not while an earlier one still drains (`drained`).
   * @param recipes all with the same package
   * @param commit makes the change durable; when it rejects, nothing is switched
   * @throws LoupeError model_refused with the stage that failed, shutting_down
   */
  async switchTo(recipes: readonly PackagedRecipe[], commit: () => Promise<void>): Promise<void> {
    const [first] = recipes;
    if (first === undefined) return;
    this.refuseWhileStopping();
    const { lane: key } = first.recipe;
    const atWork = this.lanes.get(key);
    const lane = atWork ?? this.laneOf(key, first.package, this.cudaMissingFor(recipes.map(({ recipe }) => recipe.id)));
    try {
      if (atWork === undefined) await this.prove(lane);
      else if (atWork.whyDown() !== null) {
        throw new LoupeError('model_refused', `${key} has no engine at work: ${atWork.whyDown()}`);
      }
      this.refuseWhileStopping();
      await commit();
    } catch (error) {
      if (atWork === undefined) await lane.pool.stop();
      throw error;
    } finally {
      this.candidate = null;
    }
    this.lanes.set(key, lane);
    this.packages.set(key, first.package);
    for (const { recipe } of recipes) {
      // One that has this lane already has the cuts of now; those of `recipes` were read before the proof.
      if (this.active.get(recipe.id)?.lane !== key) this.active.set(recipe.id, recipe);
    }
    this.retireUnused();
  }

  /**
   * Judges by these cuts whatever comes in from now on; a frame that is inside keeps those it came under.
   * @param lane whose model they were chosen for; false where another took over meanwhile, and then nothing is changed
   */
  useCuts(recipeId: string, lane: string, cuts: Cuts): boolean {
    const recipe = this.active.get(recipeId);
    if (recipe?.lane !== lane) return false;
    this.active.set(recipeId, { ...recipe, cuts });
    return true;
  }

  /** Resolves when no lane drains any more. */
  async drained(): Promise<void> {
    await Promise.all(this.retiring.values());
  }

  states(): ModelState[] {
    return [...this.lanes.values()].map(({ pool }) => {
      const { model, provider, variant, degraded, enginesReady, golden } = pool.status();
      const { name, version, sha256 } = model;
      return { model: name, version, sha256, provider, variant, isDegraded: degraded !== null, enginesReady, golden };
    });
  }

  health(): EnginesHealth[] {
    return [...this.lanes].map(([lane, { pool }]) => {
      const { provider, enginesReady, enginesWanted, down, degraded } = pool.status();
      return { model: lane, provider, enginesReady, enginesWanted, down, degraded };
    });
  }

  private async prove(lane: Lane): Promise<void> {
    this.candidate = lane;
    try {
      await lane.pool.startAllOrNone();
    } catch (error) {
      this.refuseWhileStopping();
      if (error instanceof EngineStartError) {
        throw new LoupeError('model_refused', `${lane.key} failed at ${error.stage}: ${error.message}`, {
          cause: error,
        });
      }
      if (error instanceof ProviderUnavailableError) {
        throw new LoupeError('model_refused', `${lane.key}: CUDA is demanded and does not work: ${error.message}`, {
          cause: error,
        });
      }
      throw error;
    }
  }

  private refuseWhileStopping(): void {
    if (!this.takesChanges) throw new LoupeError('shutting_down', 'the service is stopping');
  }

  /** A model takes over on the provider that its recipes are on; a GPU given up by the old one is not tried by the new one. */
  private cudaMissingFor(recipeIds: readonly string[]): string | null {
    for (const id of recipeIds) {
      const serving = this.lanes.get(this.active.get(id)?.lane ?? '');
      const degraded = serving?.pool.status().degraded ?? null;
      if (degraded !== null) return degraded;
    }
    return this.options.cudaMissing;
  }

  private retireUnused(): void {
    const used = new Set([...this.active.values()].map((recipe) => recipe.lane));
    for (const [key, lane] of this.lanes) {
      if (used.has(key)) continue;
      this.lanes.delete(key);
      this.packages.delete(key);
      this.retiring.set(
        lane,
        lane.retire().finally(() => this.retiring.delete(lane)),
      );
    }
  }

  /** One engine of a candidate beside a recipe, on the provider that the recipe is on, behind the engines at work. */
  shadowPool(recipeId: string, candidate: ModelPackage, source: TaskSource): EnginePool {
    const { options } = this;
    const { name, version } = candidate.engineModel;
    const settings = poolSettings(options.config);
    const { cpu, cuda } = settings.layout;
    return new EnginePool(
      {
        ...settings,
        layout: { cpu: { ...cpu, processes: 1 }, cuda: { ...cuda, processes: 1, batchSizes: [1] } },
        staysBehind: true,
        model: candidate.engineModel,
        cudaMissing: this.cudaMissingFor([recipeId]),
        onEvent: (event) => options.onEvent(`${name}/${version}`, event),
      },
      source,
    );
  }

  private laneOf(key: string, found: ModelPackage, cudaMissing: string | null): Lane {
    const { options: own } = this;
    const options: PoolOptions = {
      ...poolSettings(own.config),
      model: found.engineModel,
      cudaMissing,
      onEvent: (event) => own.onEvent(key, event),
    };
    return new Lane(key, new EnginePool(options, { take: () => own.take(key) }));
  }
}

/** One core budget: on a CPU each engine computes on one core, on a GPU one engine keeps the device busy. */
function poolSettings(config: Config): Omit<PoolOptions, 'model' | 'cudaMissing' | 'onEvent'> {
  const { engine } = config;
  const cores = availableParallelism();
  return {
    wanted: engine.provider,
    deviceId: engine.device_id,
    maxPixels: config.limits.pixels,
    hangMs: engine.hang_ms,
    startTimeoutMs: engine.start_timeout_ms,
    goldenCheckMs: engine.golden_check_ms,
    layout: {
      cpu: {
        processes: engine.processes ?? Math.min(cores, MAX_CPU_PROCESSES),
        threads: engine.threads,
        batchSizes: engine.batch_sizes ?? [1],
        decodeThreads: engine.decode_threads ?? 2,
      },
      cuda: {
        processes: engine.processes ?? 1,
        threads: 1,
        batchSizes: engine.batch_sizes ?? GPU_BATCHES,
        decodeThreads: engine.decode_threads ?? Math.max(4, cores),
      },
    },
  };
}
