/** Drift at work: frames noted after they are recorded, baselines kept in `<store>/drift.json`, sentences for people. */

import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Config } from '../config/schema.ts';
import { LoupeError, messageOf } from '../errors.ts';
import type { ImageLook } from '../frame/image-look.ts';
import type { Asked } from '../frame/same-picture.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { Baseline, DriftCondition, DriftState } from '../observe/drift/camera-drift.ts';
import { DriftWatch, sentenceOf } from '../observe/drift/drift-watch.ts';

export type DriftEvent =
  | { readonly kind: 'drift_baselines_changed'; readonly cameras: readonly string[] }
  | {
      readonly kind: 'drift_baselines_unreadable' | 'drift_baselines_not_kept';
      readonly file: string;
      readonly detail: string;
    };

export interface CameraDriftListing extends DriftState {
  readonly cameraId: string;
  readonly sentences: readonly string[];
}

export interface DriftDeskOptions {
  /** Folder of the store. */
  readonly store: string;
  /** Inspected frames that make a baseline; 0 switches all of it off. */
  readonly baselineFrames: number;
  /** Milliseconds since 1970. */
  now(): number;
  onEvent(event: DriftEvent): void;
}

const spread = z.strictObject({ mean: z.number(), deviation: z.number().min(0) });
const baseline = z.strictObject({
  by: z.string(),
  frozenAt: z.int(),
  frames: z.int().min(1),
  brightness: spread,
  contrast: spread,
  focus: spread,
  scoreEdges: z.array(z.number()),
  scoreShares: z.array(z.number().positive()).min(1),
  rejectShare: z.number().min(0).max(1),
});
const fileSchema = z.strictObject({ schema: z.literal('loupe.drift/1'), baselines: z.record(z.string(), baseline) });

export class DriftDesk {
  private readonly options: DriftDeskOptions;
  private readonly file: string;
  private readonly watch: DriftWatch;
  private saving: Promise<void> = Promise.resolve();

  constructor(options: DriftDeskOptions) {
    this.options = options;
    this.file = path.join(options.store, 'drift.json');
    this.watch = new DriftWatch({
      baselineFrames: options.baselineFrames,
      baselines: this.read(),
      now: () => options.now(),
      onChanged: (baselines) => this.keep(baselines),
    });
  }

  /** @param look null where it was not scored */
  offer(asked: Asked, result: RecordedResult, look: ImageLook | null): void {
    const { cameraId, recipeId, model, verdict, defectProbability } = result;
    this.watch.note(cameraId, {
      asked,
      by: model === null ? null : `${recipeId ?? ''} ${model.sha256}`,
      look,
      probability: defectProbability,
      isRejected: verdict === 'FAIL' || verdict === 'REVIEW',
    });
  }

  conditionsOf(cameraId: string): readonly DriftCondition[] {
    return this.watch.state(cameraId)?.conditions ?? [];
  }

  /** Every camera and what it does otherwise than in its baseline. */
  drifting(): readonly { readonly cameraId: string; readonly kind: DriftCondition['kind'] }[] {
    return this.list().flatMap(({ cameraId, conditions }) => conditions.map(({ kind }) => ({ cameraId, kind })));
  }

  list(): readonly CameraDriftListing[] {
    return [...this.watch.states()].map(([cameraId, state]) => ({
      cameraId,
      ...state,
      sentences: state.conditions.map((condition) => sentenceOf(cameraId, condition)),
    }));
  }

  sentences(): readonly string[] {
    return this.list().flatMap((camera) => camera.sentences);
  }

  /**
   * The next frames make a new baseline.
   * @param cameraId null: of every camera
   * @throws LoupeError unknown_camera
   */
  relearn(cameraId: string | null): readonly string[] {
    const cameras = this.watch.relearn(cameraId);
    if (cameraId !== null && cameras.length === 0) {
      throw new LoupeError(
        'unknown_camera',
        `camera "${cameraId.slice(0, 64)}" has sent no frame since the service started`,
      );
    }
    return cameras;
  }

  /** Resolves when what was frozen stands on the disk. */
  async settled(): Promise<void> {
    await this.saving;
  }

  private read(): ReadonlyMap<string, Baseline> {
    try {
      const { baselines } = fileSchema.parse(JSON.parse(readFileSync(this.file, 'utf8')));
      return new Map(Object.entries(baselines));
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isMissing)
        this.options.onEvent({ kind: 'drift_baselines_unreadable', file: this.file, detail: messageOf(error) });
      return new Map();
    }
  }

  /** One write after the other; the last one stands. */
  private keep(baselines: ReadonlyMap<string, Baseline>): void {
    const { options } = this;
    options.onEvent({ kind: 'drift_baselines_changed', cameras: [...baselines.keys()] });
    const text = JSON.stringify({ schema: 'loupe.drift/1', baselines: Object.fromEntries(baselines) });
    this.saving = this.saving
      .then(async () => {
        await writeFile(`${this.file}.tmp`, text, { flush: true });
        await rename(`${this.file}.tmp`, this.file);
      })
      .catch((error: unknown) =>
        options.onEvent({ kind: 'drift_baselines_not_kept', file: this.file, detail: messageOf(error) }),
      );
  }
}

/** That of a running service. */
export function driftDeskOf(config: Config, onEvent: (event: DriftEvent) => void): DriftDesk {
  const { store, drift } = config;
  return new DriftDesk({ store: store.path, baselineFrames: drift.baseline_frames, now: () => Date.now(), onEvent });
}
