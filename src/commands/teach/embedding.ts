/** A labelled folder through the shipped backbone. */

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../errors.ts';
import type { InputContract } from '../../engine/contract.ts';
import { Session } from '../../engine/session.ts';
import { type LabelledFolder, LabelledFolderError, type LabelledImage } from '../../training/labelled-folder.ts';
import { cellsOf, type PixelShape, type PixelSource } from '../../training/packing.ts';
import type { PatchGrid } from '../../training/taught-graph.ts';
import { type Places, PLACE_WIDTH } from '../../training/places.ts';
import type { Example } from '../../training/teaching.ts';
import { type Turn, turnedPixels } from '../../training/turns.ts';
import { folderPixels } from '../training/folder-pixels.ts';

/** Outputs of the backbone that are the embedding. */
export const BLOCKS = ['levels', 'filters', 'network', 'kinds', 'infrared'] as const;
/** models/backbone, beside src/ and dist/ alike. */
const BACKBONE = fileURLToPath(new URL('../../../models/backbone/model.onnx', import.meta.url));
const BATCH = 4;

export function readBackbone(): Promise<Uint8Array> {
  return readFile(BACKBONE);
}

/** One patch for 8 pixels, from 192 pixels on for 16: some 256 of them at most sizes. */
export function gridFor({ width, height }: PixelShape): PatchGrid {
  const stride = Math.max(width, height) < 192 ? 8 : 16;
  return { name: `patches_${stride}`, rows: height / stride, columns: width / stride };
}

/** One place for 8 pixels. */
export function placesFor({ width, height }: PixelShape): PatchGrid {
  return { name: 'patches_8', rows: height / 8, columns: width / 8 };
}

export function inputOf({ width, height }: PixelShape): InputContract {
  return {
    name: 'image',
    dtype: 'uint8',
    layout: 'NHWC',
    width,
    height,
    colour: 'RGB',
    resize: { fit: 'fill', kernel: 'linear' },
  };
}

/** What is embedded, and by what. */
export interface Embedding {
  readonly folder: LabelledFolder;
  readonly backbone: Uint8Array;
  readonly input: InputContract;
}

/**
 * @param turn by which each image is turned; `input` has a shape that it keeps
 * @throws LabelledFolderError with the image that cannot be decoded
 */
export async function embedFolder(
  { folder, backbone, input }: Embedding,
  onImage: (done: number) => void,
  turn: Turn | 0 = 0,
): Promise<Example[]> {
  const contract = { input, output: { name: BLOCKS[0], kind: 'logit' } } as const;
  const [grid, placed] = [gridFor(input), placesFor(input)];
  const session = await Session.open(backbone, contract, { provider: 'cpu', threads: availableParallelism() });
  const { width, height, colour, resize } = input;
  const source = folderPixels(folder.root, { width, height, colour, ...resize });
  const examples: Example[] = [];
  for (let from = 0; from < folder.images.length; from += BATCH) {
    const batch = folder.images.slice(from, from + BATCH);
    const pixels = await Promise.all(
      batch.map((image) =>
        source.pixels(image.file).catch((error: unknown) => {
          throw faultOf(image.file, error);
        }),
      ),
    );
    const marked = await Promise.all(batch.map((image) => markedSquares(image, source, input, grid, turn)));
    const shown = pixels.map((each) => turnedPixels(each, input, turn));
    const found = await session.outputs(shown, [...BLOCKS, grid.name, placed.name]);
    for (const [i, { file, group, isDefective }] of batch.entries()) {
      const outputs = found.map((rows) => rows[i] ?? new Float32Array());
      const [values = new Float32Array(), squares = new Float32Array()] = outputs.slice(BLOCKS.length);
      const patches = { values, width: values.length / (grid.rows * grid.columns), isMarked: marked[i] ?? null };
      const places = placesOf(squares, placed);
      examples.push({ file, group, isDefective, blocks: outputs.slice(0, BLOCKS.length), patches, places });
    }
    onImage(examples.length);
  }
  return examples;
}

/** @param squares float32 [rows * columns, at least PLACE_WIDTH] */
export function placesOf(squares: Float32Array, { rows, columns }: Omit<PatchGrid, 'name'>): Places {
  const count = rows * columns;
  const width = squares.length / count;
  const values = new Float32Array(count * PLACE_WIDTH);
  for (let i = 0; i < count; i++) {
    values.set(squares.subarray(i * width, i * width + PLACE_WIDTH), i * PLACE_WIDTH);
  }
  return { rows, columns, values };
}

/** Brightness 0..255 from which a square of a mask holds some of the defect; compressed masks are not quite black elsewhere. */
const MARKED = 32;

/**
 * Which squares hold some of the defect; null without a mask, and where it is black: it shows nothing, above all not what is good.
 * @throws LabelledFolderError when the mask cannot be decoded or does not lie over the image
 */
async function markedSquares(
  { file, mask }: LabelledImage,
  source: PixelSource,
  input: InputContract,
  grid: PatchGrid,
  turn: Turn | 0,
): Promise<boolean[] | null> {
  if (mask === null) return null;
  const shown = await source.mask(mask, file).catch((error: unknown) => {
    throw faultOf(mask, error);
  });
  const squares = cellsOf(turnedPixels(shown, input, turn), input, grid);
  const most = Math.max(...squares);
  if (most === 0) return null;
  // A small defect, shrunk with its mask, leaves little light: what is brightest is marked then.
  return Array.from(squares, (brightness) => brightness >= Math.min(MARKED, most));
}

function faultOf(file: string, error: unknown): LabelledFolderError {
  return new LabelledFolderError(`${file}: ${messageOf(error)}`, {
    cause: error,
  });
}
