/** Files of a labelled folder through the engine's decode: one preprocessing for training and serving. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { decode, type Wanted } from '../../engine/decode.ts';
import { readHeader } from '../../frame/image-header/dimensions.ts';
import type { Dimensions } from '../../frame/image-header/header-reader.ts';
import { inputSizeOf } from '../../training/input-size.ts';
import type { LabelledFolder } from '../../training/labelled-folder.ts';
import type { PixelSource } from '../../training/packing.ts';

/** As `limits.pixels` allows at most. */
const MAX_PIXELS = 1 << 28;

export function folderPixels(root: string, wanted: Wanted): PixelSource {
  const read = async (file: string, want: Wanted): Promise<Uint8Array> => {
    const bytes = await readFile(path.join(root, file));
    const decoding = await decode({ kind: 'encoded', bytes }, want, null, { maxPixels: MAX_PIXELS });
    if (!decoding.ok) throw new Error(`${decoding.reason}: ${decoding.detail}`);
    return decoding.pixels;
  };
  return {
    pixels: (file) => read(file, wanted),
    mask: (file) => read(file, { ...wanted, colour: 'GREY', kernel: 'linear' }),
  };
}

/** So many images, evenly over the folder, say what size suits it. */
const LOOKED_AT = 200;

/** An image that does not say what size it is is left to `decode`, which says what is wrong with it. */
export async function sizeFor(root: string, { images }: LabelledFolder): Promise<Dimensions> {
  const step = Math.max(1, Math.floor(images.length / LOOKED_AT));
  const sizes: Dimensions[] = [];
  for (let i = 0; i < images.length; i += step) {
    const file = images[i]?.file;
    const header = file === undefined ? null : readHeader(await readFile(path.join(root, file)));
    if (header?.dimensions) sizes.push(header.dimensions);
  }
  return inputSizeOf(sizes);
}
