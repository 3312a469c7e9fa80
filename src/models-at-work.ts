/** Recipes to models to engines: which packages the configuration names, and the pool of engines that serves each. */

import { availableParallelism } from 'node:os';
import type { Config } from './config/schema.ts';
import { EnginePool, type PoolEvent, type PoolOptions, type Task } from './engine/pool.ts';
import type { EnginesHealth } from './observe/health.ts';
import type { ModelState } from './observe/scraped-gauges.ts';
import { loadModelPackage, type ModelPackage, resolveVersion } from './model-repository/package.ts';
import type { ActiveRecipe, Engines } from './pipeline.ts';

const GPU_BATCHES = [1, 2, 4, 8, 16, 32];
const MAX_CPU_PROCESSES = 8;

export interface PackagedRecipe {
  readonly recipe: ActiveRecipe;
  readonly package: ModelPackage;
}

export interface ModelsAtWorkOptions {
  readonly config: Config;
  readonly recipes: readonly PackagedRecipe[];
  /** Null when CUDA can be tried, else what it lacks. */
  readonly cudaMissing: string | null;
  /** Where the engines of a lane get their frames. */
  take(lane: string): Task | undefined;
  onEvent(lane: string, event: PoolEvent): void;
}

/**
 * Reads and checks every package that a recipe names. A lane is one version of one model: `name/version`.
 * @throws ModelPackageError with everything that is wrong with a package
 */
export async function packageRecipes(config: Config): Promise<PackagedRecipe[]> {
  const packaged: PackagedRecipe[] = [];
  for (const [id, recipe] of Object.entries(config.recipes)) {
    const version = recipe.version ?? (await resolveVersion(config.models.path, recipe.model));
    const found = await loadModelPackage(config.models.path, recipe.model, version);
    const suggested = found.manifest.cuts;
    const cuts = {
      passBelow: recipe.pass_below ?? suggested.pass_below,
      failAbove: recipe.fail_above ?? suggested.fail_above,
    };
    packaged.push({ recipe: { id, lane: `${recipe.model}/${version}`, roi: recipe.roi, cuts }, package: found });
  }
  return packaged;
}

export class ModelsAtWork {
  readonly recipes: ReadonlyMap<string, ActiveRecipe>;
  /** What the pipeline needs of the pools, by lane. */
  readonly engines: ReadonlyMap<string, Engines>;
  private readonly pools = new Map<string, EnginePool>();

  constructor(options: ModelsAtWorkOptions) {
    this.recipes = new Map(options.recipes.map(({ recipe }) => [recipe.id, recipe]));
    for (const { recipe, package: found } of options.recipes) {
      const { lane } = recipe;
      if (this.pools.has(lane)) continue;
      const pool = new EnginePool(
        {
          ...poolSettings(options.config),
          model: found.engineModel,
          cudaMissing: options.cudaMissing,
          onEvent: (event) => options.onEvent(lane, event),
        },
        { take: () => options.take(lane) },
      );
      this.pools.set(lane, pool);
    }
    this.engines = new Map(
      [...this.pools].map(([lane, pool]) => [lane, { kick: () => pool.kick(), whyDown: () => pool.status().down }]),
    );
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
