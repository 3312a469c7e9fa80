/** Pixels to tensor and tensor to probability. Pure. */

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

/**
 * The defect probabilities of the first `count` images of an output tensor. Values are not judged here (a NaN stays a
 * NaN): deciding that it is no verdict belongs to `decide`.
 * @param dims shape of the output; [N,1] or [N] for probability and logit, [N,2] for softmax
 * @throws ModelOutputError when shape or type differ
 */
export function readProbabilities(
  data: unknown,
  dims: readonly number[],
  size: number,
  count: number,
  output: OutputContract,
): Float64Array {
  const columns = output.kind === 'softmax' ? 2 : 1;
  const fits = dims[0] === size && dims.slice(1).reduce((a, b) => a * b, 1) === columns;
  if (!(data instanceof Float32Array) || !fits || data.length !== size * columns) {
    throw new ModelOutputError(
      `expected output "${output.name}" of float32 [${size},${columns}], got ${data?.constructor.name ?? typeof data} [${dims.join(',')}]`,
    );
  }
  const column = output.kind === 'softmax' ? (output.defect_index ?? 1) : 0;
  const probabilities = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const value = data[i * columns + column] ?? Number.NaN;
    probabilities[i] = output.kind === 'logit' ? 1 / (1 + Math.exp(-value)) : value;
  }
  return probabilities;
}
