/** A labelled folder through real engines: the same children, decode and batches that serve. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { judge } from '../../decide/decide.ts';
import type { WantedProvider } from '../../engine/pool.ts';
import type { TaskResult } from '../../engine/task.ts';
import type { ModelPackage } from '../../model-repository/package.ts';
import type { EvaluatedImage } from '../../training/evaluation.ts';
import type { LabelledFolder, LabelledImage } from '../../training/labelled-folder.ts';
import type { DecisionCuts } from '../../training/measures.ts';
import { OfflineEngines, READ_AHEAD } from '../offline-engines.ts';

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
  const engines = await OfflineEngines.start(options.package, options.provider);
  try {
    const images: EvaluatedImage[] = [];
    let next = 0;
    const reader = async () => {
      for (let i = next++; i < folder.images.length; i = next++) {
        const image = folder.images[i];
        if (image === undefined) return;
        const bytes = await readFile(path.join(folder.root, image.file));
        images[i] = evaluated(image, await engines.score({ kind: 'encoded', bytes }, null), options.cuts);
        options.onImage(images.filter(Boolean).length);
      }
    };
    await Promise.all(Array.from({ length: READ_AHEAD }, reader));
    return { images, provider: engines.provider };
  } finally {
    await engines.stop();
  }
}

function evaluated(image: LabelledImage, result: TaskResult, cuts: DecisionCuts): EvaluatedImage {
  const { file, isDefective, kind, group } = image;
  const of = { file, isDefective, kind, group };
  const none = {
    ...of,
    probability: null,
    unfamiliarity: null,
    verdict: 'UNINSPECTED',
    decodeMs: 0,
    inferMs: 0,
  } as const;
  if (result.kind === 'faulted') return { ...none, reason: `${result.reason}: ${result.detail}` };
  const { probability, unfamiliarity, decodeMs, inferMs } = result;
  const judgement = judge(result, cuts);
  if (judgement.verdict === 'UNINSPECTED') return { ...none, reason: `${judgement.reason}: ${judgement.detail}` };
  return { ...of, probability, unfamiliarity, verdict: judgement.verdict, reason: null, decodeMs, inferMs };
}
