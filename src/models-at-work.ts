/** Recipes to models to engines: which packages the configuration names, and the pool of engines that serves each. */

import { availableParallelism } from 'node:os';
import type { Config } from './config/schema.ts';
import { cudaProviderMissing } from './engine/cuda.ts';
import { EnginePool, type PoolEvent, type PoolOptions, type TaskSource } from './engine/pool.ts';
import type { EnginesHealth } from './observe/health.ts';
import type { ModelState } from './observe/scraped-gauges.ts';
import { loadModelPackage, resolveVersion } from './model-repository/package.ts';
import type { ActiveRecipe } from './pipeline.ts';

const GPU_BATCHES = [1, 2, 4, 8, 16, 32];
const MAX_CPU_PROCESSES = 8;

export interface ModelsAtWorkOptions {
  readonly config: Config;
  /** Where the engines of a lane get their frames. */
  sourceOf(lane: string): TaskSource;
  onEvent(model: string, event: PoolEvent): void;
}

export class ModelsAtWork {
  readonly recipes: ReadonlyMap<string, ActiveRecipe>;
  readonly pools: ReadonlyMap<string, EnginePool>;

  private constructor(recipes: ReadonlyMap<string, ActiveRecipe>, pools: ReadonlyMap<string, EnginePool>) {
    this.recipes = recipes;
    this.pools = pools;
  }

  /**
   * Reads and checks every package that a recipe names. Starts nothing.
   * @throws ModelPackageError with everything that is wrong with a package
   */
  static async load(options: ModelsAtWorkOptions): Promise<ModelsAtWork> {
    const { config } = options;
    const recipes = new Map<string, ActiveRecipe>();
    const pools = new Map<string, EnginePool>();
    const cudaMissing = config.engine.provider === 'cpu' ? null : await cudaProviderMissing();
    for (const [id, recipe] of Object.entries(config.recipes)) {
      const version = recipe.version ?? (await resolveVersion(config.models.path, recipe.model));
      const lane = `${recipe.model}/${version}`;
      const found = await loadModelPackage(config.models.path, recipe.model, version);
      const suggested = found.manifest.cuts;
      recipes.set(id, {
        id,
        lane,
        roi: recipe.roi,
        cuts: {
          passBelow: recipe.pass_below ?? suggested.pass_below,
          failAbove: recipe.fail_above ?? suggested.fail_above,
        },
      });
      if (pools.has(lane)) continue;
      pools.set(
        lane,
        new EnginePool(
          {
            ...poolSettings(config),
            model: found.engineModel,
            cudaMissing,
            onEvent: (event) => options.onEvent(lane, event),
          },
          options.sourceOf(lane),
        ),
      );
    }
    return new ModelsAtWork(recipes, pools);
  }

  /**
   * Starts the engines of every model; resolves when each has one at work or has failed a first time.
   * @throws ProviderUnavailableError when `engine.provider: cuda` and CUDA does not work
   */
  async start(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.start()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.stop()));
  }

  states(): ModelState[] {
    return [...this.pools.values()].map((pool) => {
      const { model, provider, degraded, enginesReady, goldenMaxError } = pool.status();
      const { name, version, sha256 } = model;
      return { model: name, version, sha256, provider, isDegraded: degraded !== null, enginesReady, goldenMaxError };
    });
  }

  health(): EnginesHealth[] {
    return [...this.pools].map(([lane, pool]) => {
      const { provider, enginesReady, enginesWanted, down, degraded } = pool.status();
      return { model: lane, provider, enginesReady, enginesWanted, down, degraded };
    });
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
