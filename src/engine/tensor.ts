/** Pixels to tensor and tensor to numbers. Pure. */

import type { Score } from '../frame/score.ts';
import { channelsOf, type InputContract, type OutputContract } from './contract.ts';

/**
 * One input tensor for `size` images of which `pixels.length` are real; the rest is padding (zeros) whose output is ignored.
 * @param pixels uint8 HWC in the contract's colour order, one per image
 * @returns data and shape, NHWC or NCHW as the contract says
 */
export function packBatch(
  pixels: readonly Uint8Array[],
  size: number,
  input: InputContract,
): { data: Uint8Array | Float32Array; dims: number[] } {
  const channels = channelsOf(input);
  const { width, height } = input;
  const perImage = width * height * channels;
  const dims = input.layout === 'NHWC' ? [size, height, width, channels] : [size, channels, height, width];
  if (input.dtype === 'uint8' && input.layout === 'NHWC') {
    const [only] = pixels;
    // A batch of one is handed over as it lies: ORT reads the decoder's own buffer.
    if (size === 1 && only !== undefined) return { data: only, dims };
    const data = new Uint8Array(size * perImage);
    pixels.forEach((image, i) => data.set(image, i * perImage));
    return { data, dims };
  }
  const data = input.dtype === 'uint8' ? new Uint8Array(size * perImage) : new Float32Array(size * perImage);
  const plane = width * height;
  for (let c = 0; c < channels; c++) {
    const scale = input.dtype === 'uint8' ? 1 : (input.scale ?? 1);
    const mean = input.dtype === 'uint8' ? 0 : (input.mean?.[c] ?? 0);
    const std = input.dtype === 'uint8' ? 1 : (input.std?.[c] ?? 1);
    pixels.forEach((image, n) => {
      const base = n * perImage;
      for (let p = 0; p < plane; p++) {
        const to = input.layout === 'NHWC' ? base + p * channels + c : base + c * plane + p;
        data[to] = ((image[p * channels + c] ?? 0) * scale - mean) / std;
      }
    });
  }
  return { data, dims };
}

/** The shape or type of a model's output is not what its manifest says. */
export class ModelOutputError extends Error {
  override readonly name = 'ModelOutputError';
}

/** The outputs of the graph that a score is read from. */
export function outputsOf({ name, unfamiliarity }: OutputContract): string[] {
  return unfamiliarity === undefined ? [name] : [name, unfamiliarity];
}

interface OutputTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

/**
 * What a run says of the first `count` of `size` images. Values are not judged here (a NaN stays a NaN): deciding that it is no verdict
 * belongs to `decide`. Two classes that are said to be after the softmax and do not add up to 1 are none, and become NaN: taken as they
 * are, a logit of 0.02 would pass.
 * @param tensors by name; [N,1] or [N] for probability, logit and unfamiliarity, [N,2] for softmax and logits
 * @throws ModelOutputError when an output is missing, or its shape or type differ
 */
export function readScores(
  tensors: Readonly<Record<string, OutputTensor>>,
  size: number,
  count: number,
  output: OutputContract,
): Score[] {
  const isPair = output.kind === 'softmax' || output.kind === 'logits';
  const columns = isPair ? 2 : 1;
  const column = isPair ? (output.defect_index ?? 1) : 0;
  const [values, unfamiliarity = null] = outputsOf(output).map((name, i) =>
    floatsOf(name, tensors[name], size, i === 0 ? columns : 1),
  );
  const at = (i: number) => values?.[i] ?? Number.NaN;
  return Array.from({ length: count }, (_, i) => ({
    probability: probabilityOf(output.kind, at(i * columns + column), at(i * columns + 1 - column)),
    unfamiliarity: unfamiliarity === null ? null : (unfamiliarity[i] ?? Number.NaN),
  }));
}

function floatsOf(name: string, tensor: OutputTensor | undefined, size: number, columns: number): Float32Array {
  if (tensor === undefined) throw new ModelOutputError(`the graph returned no "${name}"`);
  const { data, dims } = tensor;
  const fits = dims[0] === size && dims.slice(1).reduce((a, b) => a * b, 1) === columns;
  if (data instanceof Float32Array && fits && data.length === size * columns) return data;
  const found = `${data?.constructor.name ?? typeof data} [${dims.join(',')}]`;
  throw new ModelOutputError(`expected output "${name}" of float32 [${size},${columns}], got ${found}`);
}

/** Half precision rounds each of two by up to 0.0005. */
const SUM_TOLERANCE = 0.005;

function probabilityOf(kind: OutputContract['kind'], value: number, other: number): number {
  switch (kind) {
    case 'probability':
      return value;
    case 'logit':
      return sigmoid(value);
    case 'logits':
      // The softmax of two is the sigmoid of their difference.
      return sigmoid(value - other);
    case 'softmax':
      return Math.abs(value + other - 1) <= SUM_TOLERANCE ? value : Number.NaN;
  }
}

const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));
