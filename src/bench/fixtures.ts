/** What is measured with: pictures of both sizes, and packages of both networks, made on the spot. */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeJpeg } from '../demo/jpeg.ts';
import { drawPart } from '../demo/part.ts';
import { FIRST_DEMO_SEED } from '../demo/part-stream.ts';
import { INPUT, INPUT_SIZE, type Network, networkBytes, OUTPUT } from './networks.ts';

export const PICTURES = ['300x300', '1280x1024'] as const;
export type PictureSize = (typeof PICTURES)[number];

const SHAPES = { '300x300': [300, 300], '1280x1024': [1280, 1024] } as const;

/** Several, so that no cache learns one by heart. */
const PER_SIZE = 4;

/** Draws and writes the JPEGs of one size. @returns their paths */
export async function writePictures(folder: string, size: PictureSize): Promise<readonly string[]> {
  const [width, height] = SHAPES[size];
  const paths: string[] = [];
  for (let index = 0; index < PER_SIZE; index++) {
    const square = drawPart(FIRST_DEMO_SEED + index, index % 2 === 0 ? 'none' : 'scratch', width);
    const firstRow = Math.floor((width - height) / 2);
    const pixels = square.subarray(firstRow * width * 3, (firstRow + height) * width * 3);
    const file = path.join(folder, `${size}-${index}.jpg`);
    writeFileSync(file, await encodeJpeg(pixels, width, 90, height));
    paths.push(file);
  }
  return paths;
}

export interface BenchModel {
  readonly network: Network;
  /** model.onnx of the package. */
  readonly file: string;
}

/** Writes model.onnx; `writeManifest` makes a package of it once the golden score is known. */
export function writeModel(root: string, network: Network): BenchModel {
  const folder = path.join(root, network, '1');
  mkdirSync(path.join(folder, 'golden'), { recursive: true });
  const file = path.join(folder, 'model.onnx');
  writeFileSync(file, networkBytes(network));
  return { network, file };
}

/**
 * @param golden one picture with the score that the bare loop gave it: the engine's own golden check then proves that the
 *   service sees the same pixels
 */
export function writeManifest(
  { network, file }: BenchModel,
  model: Uint8Array,
  golden: { readonly picture: Uint8Array; readonly probability: number },
): void {
  const folder = path.dirname(file);
  writeFileSync(path.join(folder, 'golden', 'part.jpg'), golden.picture);
  const manifest = {
    schema: 'loupe.model/1',
    name: network,
    version: '1',
    description: 'Random weights, written by loupe bench: it costs what a trained model costs and knows nothing.',
    created_at: '2026-01-01T00:00:00Z',
    sha256: createHash('sha256').update(model).digest('hex'),
    input: {
      name: INPUT,
      dtype: 'uint8',
      layout: 'NHWC',
      width: INPUT_SIZE,
      height: INPUT_SIZE,
      colour: 'RGB',
      resize: { fit: 'fill', kernel: 'linear' },
    },
    output: { name: OUTPUT, kind: 'probability' },
    // Everything passes: pictures of passed parts are kept by the store's own default, a hundredth.
    cuts: { pass_below: 1, fail_above: 1 },
    golden_tolerance: SAME_SCORE,
    golden: [{ file: 'golden/part.jpg', probability: golden.probability }],
    training_data: { source: 'none', licence: 'Apache-2.0', parts: 0, sha256: null },
    metrics: {},
  };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
}

/** Scores of the same pixels differ by less: the order of additions depends on nothing but the number of threads. */
export const SAME_SCORE = 1e-5;
