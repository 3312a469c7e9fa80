/** What an engine needs to know of a model. A package's manifest has this form; the engine knows no more of it. */

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
  /** `probability`: after the sigmoid. `logit`: before it. `softmax`: two classes, `defect_index` is the defect. */
  readonly kind: 'probability' | 'logit' | 'softmax';
  readonly defect_index?: number | undefined;
}

export interface ModelContract {
  readonly input: InputContract;
  readonly output: OutputContract;
}

export function channelsOf(input: Pick<InputContract, 'colour'>): 1 | 3 {
  return input.colour === 'GREY' ? 1 : 3;
}
