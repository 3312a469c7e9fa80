/** What an engine needs to know of a model. A package's manifest has this form; the engine knows no more of it. */

import type { Provider } from '../frame/verdict.ts';

export interface InputContract {
  readonly name: string;
  readonly dtype: 'uint8' | 'float32';
  readonly layout: 'NHWC' | 'NCHW';
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly colour: 'RGB' | 'BGR' | 'GREY';
  /** Only for float32: x = (pixel * scale - mean[c]) / std[c]. */
  readonly scale?: number | undefined;
  readonly mean?: readonly number[] | undefined;
  readonly std?: readonly number[] | undefined;
  readonly resize: {
    readonly fit: 'fill' | 'contain' | 'cover';
    readonly kernel: 'nearest' | 'linear' | 'cubic' | 'lanczos3';
  };
}

export interface OutputContract {
  readonly name: string;
  /**
   * One class: `probability` after the sigmoid, `logit` before it. Two classes, of which `defect_index` is the defect: `softmax` after the
   * softmax, `logits` before it.
   */
  readonly kind: 'probability' | 'logit' | 'softmax' | 'logits';
  readonly defect_index?: number | undefined;
  /** A second output, float32 [N,1], 0..1: how sure the model is that a picture shows what it has learned nothing of. */
  readonly unfamiliarity?: string | undefined;
}

export interface ModelContract {
  readonly input: InputContract;
  readonly output: OutputContract;
}

/** One form of a model: model.onnx itself, or a cheaper variant with the same input and output. */
export interface ModelFile {
  /** Null: model.onnx itself. */
  readonly variant: string | null;
  readonly file: string;
  /** Lower-case hex. */
  readonly sha256: string;
  /** What it was made for. */
  readonly providers: readonly Provider[];
}

/**
 * The model in one form alone, where no engine is to choose.
 * @returns null when there is no such form
 */
export function inForm<M extends { readonly files: readonly ModelFile[] }>(model: M, variant: string | null): M | null {
  const files = model.files.filter((file) => file.variant === variant);
  return files.length === 0 ? null : { ...model, files };
}

export function channelsOf(input: Pick<InputContract, 'colour'>): 1 | 3 {
  return input.colour === 'GREY' ? 1 : 3;
}
