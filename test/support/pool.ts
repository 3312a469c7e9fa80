/** A pool of real engines over one of the tiny packages, and tasks whose end can be waited for. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { EnginePool, type PoolEvent, type PoolOptions } from '../../src/engine/pool.ts';
import type { Task, TaskResult } from '../../src/engine/task.ts';
import type { Image } from '../../src/frame/frame.ts';
import { loadModelPackage } from '../../src/model-repository/package.ts';

export const TINY_MODELS = fileURLToPath(new URL('./models', import.meta.url));
export const SHIPPED_MODELS = fileURLToPath(new URL('../../models', import.meta.url));

export interface PendingTask {
  readonly task: Task;
  readonly result: Promise<TaskResult>;
}

export function taskOf(image: Image, patienceMs = 15_000): PendingTask {
  let settle: (result: TaskResult) => void = () => undefined;
  let isSettled = false;
  const result = new Promise<TaskResult>((resolve) => {
    settle = resolve;
  });
  const task: Task = {
    image,
    roi: null,
    expiresAtMono: performance.now() + patienceMs,
    get isSettled() {
      return isSettled;
    },
    settle(outcome) {
      if (isSettled) throw new Error('a task was settled twice');
      isSettled = true;
      settle(outcome);
    },
  };
  return { task, result };
}

/** A flat grey PNG: the tiny models' probability is level / 255. */
export async function greyImage(level: number): Promise<Image> {
  const background = { r: level, g: level, b: level };
  const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background } })
    .png()
    .toBuffer();
  return { kind: 'encoded', bytes };
}

export interface Bench {
  readonly pool: EnginePool;
  readonly events: PoolEvent[];
  /** Puts a task into the line and tells the pool. */
  readonly submit: (image: Image, patienceMs?: number) => Promise<TaskResult>;
  readonly waiting: Task[];
}

export async function benchOf(model: string, options: Partial<PoolOptions> = {}, root = TINY_MODELS): Promise<Bench> {
  const waiting: Task[] = [];
  const events: PoolEvent[] = [];
  const { engineModel } = await loadModelPackage(path.resolve(root), model, '1');
  const layout = { processes: 1, threads: 1, batchSizes: [1, 2, 4], decodeThreads: 2 };
  const pool = new EnginePool(
    {
      model: engineModel,
      wanted: 'cpu',
      deviceId: 0,
      maxPixels: 1_000_000,
      hangMs: 5000,
      startTimeoutMs: 20_000,
      goldenCheckMs: null,
      layout: { cpu: layout, cuda: layout },
      cudaMissing: null,
      onEvent: (event) => events.push(event),
      ...options,
    },
    { take: () => waiting.shift() },
  );
  return {
    pool,
    events,
    waiting,
    submit(image, patienceMs) {
      const { task, result } = taskOf(image, patienceMs);
      waiting.push(task);
      pool.kick();
      return result;
    },
  };
}
