/** A labelled folder through real engines: the same children, decode and batches that serve. */

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { judge } from '../../decide/decide.ts';
import { cudaProviderMissing } from '../../engine/cuda.ts';
import { EnginePool, type PoolEvent, type Task, type TaskResult, type WantedProvider } from '../../engine/pool.ts';
import type { ModelPackage } from '../../model-repository/package.ts';
import type { EvaluatedImage } from '../../training/evaluation.ts';
import type { LabelledFolder, LabelledImage } from '../../training/labelled-folder.ts';
import type { DecisionCuts } from '../../training/measures.ts';
import { CommandError, EXIT } from '../exit.ts';

/** No part waits for these frames: only a hang ends one. */
const PATIENCE_MS = 600_000;
const HANG_MS = 60_000;
const MAX_PIXELS = 1 << 28;
const MAX_PROCESSES = 8;
/** Files read ahead of the engines. */
const READ_AHEAD = 32;

export interface ScoringOptions {
  readonly package: ModelPackage;
  readonly folder: LabelledFolder;
  readonly cuts: DecisionCuts;
  readonly provider: WantedProvider;
  onImage(done: number): void;
}

export interface Scoring {
  readonly images: readonly EvaluatedImage[];
  readonly provider: string;
}

/** @throws CommandError when no engine can be proven with this model */
export async function scoreFolder(options: ScoringOptions): Promise<Scoring> {
  const { folder } = options;
  const waiting: Task[] = [];
  let notProven = 'no engine started';
  const onEvent = (event: PoolEvent) => {
    if (event.kind === 'engine_not_proven') notProven = `${event.stage}: ${event.detail}`;
  };
  const pool = await poolOf(options, { take: () => waiting.shift() }, onEvent);
  try {
    await pool.start();
    const { provider } = pool.status();
    if (provider === null) throw new CommandError(EXIT.failed, `the model cannot be run here: ${notProven}`);
    const images: EvaluatedImage[] = [];
    let next = 0;
    const reader = async () => {
      for (let i = next++; i < folder.images.length; i = next++) {
        const image = folder.images[i];
        if (image === undefined) return;
        const bytes = await readFile(path.join(folder.root, image.file));
        const result = await new Promise<TaskResult>((resolve) => {
          waiting.push(taskOf(bytes, resolve));
          pool.kick();
        });
        images[i] = evaluated(image, result, options.cuts);
        options.onImage(images.filter(Boolean).length);
      }
    };
    await Promise.all(Array.from({ length: READ_AHEAD }, reader));
    return { images, provider };
  } finally {
    await pool.stop();
  }
}

async function poolOf(
  { package: found, provider }: ScoringOptions,
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
      wanted: provider,
      deviceId: 0,
      maxPixels: MAX_PIXELS,
      hangMs: HANG_MS,
      startTimeoutMs: HANG_MS,
      goldenCheckMs: null,
      layout: { cpu, cuda: { processes: 1, threads: 1, batchSizes: [1, 8, 32], decodeThreads: 4 } },
      cudaMissing: await cudaProviderMissing(),
      onEvent,
    },
    source,
  );
}

function taskOf(bytes: Uint8Array, resolve: (result: TaskResult) => void): Task {
  let isSettled = false;
  return {
    image: { kind: 'encoded', bytes },
    roi: null,
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

function evaluated(image: LabelledImage, result: TaskResult, cuts: DecisionCuts): EvaluatedImage {
  const { file, isDefective, kind, group } = image;
  const of = { file, isDefective, kind, group };
  const none = { ...of, probability: null, verdict: 'UNINSPECTED', decodeMs: 0, inferMs: 0 } as const;
  if (result.kind === 'faulted') return { ...none, reason: `${result.reason}: ${result.detail}` };
  const { probability, decodeMs, inferMs } = result;
  const judgement = judge(probability, cuts);
  if (judgement.verdict === 'UNINSPECTED') return { ...none, reason: `${judgement.reason}: ${judgement.detail}` };
  return { ...of, probability, verdict: judgement.verdict, reason: null, decodeMs, inferMs };
}
