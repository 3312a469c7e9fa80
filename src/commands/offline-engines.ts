/** Real engines without a service: the same children, decode and batches that serve, for commands that score many pictures. */

import { availableParallelism } from 'node:os';
import { cudaProviderMissing } from '../engine/cuda.ts';
import { EnginePool, type PoolEvent, type WantedProvider } from '../engine/pool.ts';
import type { Task, TaskResult } from '../engine/task.ts';
import type { Image, Roi } from '../frame/frame.ts';
import type { Provider } from '../frame/verdict.ts';
import type { ModelPackage } from '../model-repository/package.ts';
import { CommandError, EXIT } from './exit.ts';

/** No part waits for these frames: only a hang ends one. */
const PATIENCE_MS = 600_000;
const HANG_MS = 60_000;
const MAX_PIXELS = 1 << 28;
const MAX_PROCESSES = 8;
/** Pictures to hand in at once, so that no engine waits. */
export const READ_AHEAD = 32;

export class OfflineEngines {
  readonly provider: Provider;
  private readonly pool: EnginePool;
  private readonly waiting: Task[];

  private constructor(pool: EnginePool, waiting: Task[], provider: Provider) {
    this.pool = pool;
    this.waiting = waiting;
    this.provider = provider;
  }

  /**
   * @throws CommandError when no engine can be proven with this model
   * @throws ProviderUnavailableError when `cuda` is demanded and does not work here
   */
  static async start(found: ModelPackage, wanted: WantedProvider): Promise<OfflineEngines> {
    const waiting: Task[] = [];
    let notProven = 'no engine started';
    const pool = await poolOf(found, wanted, { take: () => waiting.shift() }, (event) => {
      if (event.kind === 'engine_not_proven') notProven = `${event.stage}: ${event.detail}`;
    });
    try {
      await pool.start();
      const { provider } = pool.status();
      if (provider !== null) return new OfflineEngines(pool, waiting, provider);
    } catch (error) {
      await pool.stop();
      throw error;
    }
    await pool.stop();
    throw new CommandError(EXIT.failed, `the model cannot be run here: ${notProven}`);
  }

  score(image: Image, roi: Roi | null): Promise<TaskResult> {
    return new Promise((resolve) => {
      this.waiting.push(taskOf(image, roi, resolve));
      this.pool.kick();
    });
  }

  stop(): Promise<void> {
    return this.pool.stop();
  }
}

async function poolOf(
  found: ModelPackage,
  wanted: WantedProvider,
  source: { take(): Task | undefined },
  onEvent: (event: PoolEvent) => void,
): Promise<EnginePool> {
  const cpu = {
    processes: Math.min(availableParallelism(), MAX_PROCESSES),
    threads: 1,
    batchSizes: [1],
    decodeThreads: 2,
  };
  return new EnginePool(
    {
      model: found.engineModel,
      wanted,
      deviceId: 0,
      maxPixels: MAX_PIXELS,
      hangMs: HANG_MS,
      startTimeoutMs: HANG_MS,
      goldenCheckMs: null,
      layout: { cpu, cuda: { processes: 1, threads: 1, batchSizes: [1, 8, 32], decodeThreads: 4 } },
      cudaMissing: wanted === 'cpu' ? null : await cudaProviderMissing(),
      onEvent,
    },
    source,
  );
}

function taskOf(image: Image, roi: Roi | null, resolve: (result: TaskResult) => void): Task {
  let isSettled = false;
  return {
    image,
    roi,
    expiresAtMono: performance.now() + PATIENCE_MS,
    get isSettled() {
      return isSettled;
    },
    settle(result) {
      isSettled = true;
      resolve(result);
    },
  };
}
