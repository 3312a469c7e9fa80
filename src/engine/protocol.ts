/**
 * The words a service and its engines exchange over the IPC channel (structured clone, so image bytes go as they are).
 * Clocks are not shared between processes: a deadline travels as the milliseconds that are left.
 */

import type { UninspectedReason } from '../errors.ts';
import type { Image, Roi } from '../frame/frame.ts';
import type { ImageLook } from '../frame/image-look.ts';
import type { Score } from '../frame/score.ts';
import type { Provider } from '../frame/verdict.ts';
import type { ModelContract, ModelFile } from './contract.ts';

export interface GoldenImage {
  readonly path: string;
  readonly probability: number;
}

/** Everything an engine needs to load a model and prove it. */
export interface EngineModel {
  readonly name: string;
  readonly version: string;
  /** model.onnx. */
  readonly file: string;
  /** Of model.onnx, lower-case hex: what names the package. */
  readonly sha256: string;
  /** The forms to choose from, model.onnx first. Of several an engine takes the fastest that proves itself; a single one it takes on any provider. */
  readonly files: readonly ModelFile[];
  readonly contract: ModelContract;
  readonly golden: readonly GoldenImage[];
  /** Largest allowed absolute difference from a recorded golden probability. */
  readonly tolerance: number;
}

export interface EngineSettings {
  readonly model: EngineModel;
  readonly provider: Provider;
  readonly deviceId: number;
  readonly threads: number;
  /** Ascending; the graph only ever sees these sizes, and every one is warmed before the first frame. */
  readonly batchSizes: readonly number[];
  readonly maxPixels: number;
  /**
   * Whether the model must also give a probability for black, white and noise: asked of a model that is new here, not of one
   * that has been at work (a graph that fails on some images answers UNINSPECTED for them).
   */
  readonly isProbed: boolean;
}

export type ToEngine =
  | { readonly kind: 'start'; readonly settings: EngineSettings }
  | {
      readonly kind: 'score';
      readonly id: number;
      readonly image: Image;
      readonly roi: Roi | null;
      readonly withinMs: number;
    }
  | { readonly kind: 'ping' }
  | { readonly kind: 'check_golden' }
  | { readonly kind: 'stop' };

export interface Trial {
  readonly variant: string | null;
  /** Milliseconds for one image; null where it was not fit to run. */
  readonly ms: number | null;
  readonly fault: string | null;
}

export interface EngineReady {
  readonly kind: 'ready';
  readonly provider: Provider;
  readonly goldenMaxError: number;
  readonly goldenCount: number;
  /** What the golden images scored, in their order. */
  readonly goldenScores: readonly number[];
  /** The form at work; null: model.onnx itself. */
  readonly variant: string | null;
  /** Where there was a choice: what one image took in each form, or why a form was left out. */
  readonly trials: readonly Trial[];
  readonly loadMs: number;
  /** Milliseconds of one warmed run per batch size. */
  readonly batchMs: readonly (readonly [size: number, ms: number])[];
}

/** Which proof an engine failed before it could take traffic. */
export interface EngineFailed {
  readonly kind: 'failed';
  readonly stage: 'load' | 'warm_up' | 'golden';
  readonly detail: string;
}

export interface Scored extends Score {
  readonly kind: 'scored';
  readonly id: number;
  readonly look: ImageLook;
  readonly decodeMs: number;
  readonly inferMs: number;
  readonly batchSize: number;
}

export interface Faulted {
  readonly kind: 'faulted';
  readonly id: number;
  readonly reason: UninspectedReason;
  readonly detail: string;
}

/** The golden images again, by an engine at work. */
export type GoldenChecked = { readonly kind: 'golden' } & (
  | { readonly isOk: true; readonly maxError: number; readonly scores: readonly number[] }
  | { readonly isOk: false; readonly detail: string }
);

export type FromEngine = EngineReady | EngineFailed | GoldenChecked | Scored | Faulted | { readonly kind: 'pong' };
