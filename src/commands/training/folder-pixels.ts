/** Files of a labelled folder through the engine's decode: one preprocessing for training and serving. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { decode, type Wanted } from '../../engine/decode.ts';
import { readHeader } from '../../frame/image-header/dimensions.ts';
import type { Dimensions } from '../../frame/image-header/header-reader.ts';
import type { LabelledFolder } from '../../training/labelled-folder.ts';
import type { PixelSource } from '../../training/packing.ts';

/** As `limits.pixels` allows at most. */
const MAX_PIXELS = 1 << 28;

export function folderPixels(root: string, wanted: Wanted): PixelSource {
  const read = (file: string) => readFile(path.join(root, file));
  const shown = async (bytes: Uint8Array, want: Wanted): Promise<Uint8Array> => {
    const decoding = await decode({ kind: 'encoded', bytes }, want, null, { maxPixels: MAX_PIXELS });
    if (!decoding.ok) throw new Error(`${decoding.reason}: ${decoding.detail}`);
    return decoding.pixels;
  };
  return {
    pixels: async (file) => shown(await read(file), wanted),
    mask: async (file, image) => {
      const [bytes, below] = await Promise.all([read(file), read(image)]);
      expectSameShape(readHeader(bytes).dimensions, readHeader(below).dimensions);
      return shown(bytes, { ...wanted, colour: 'GREY', kernel: 'linear' });
    },
  };
}

/** A mask may be smaller than its image or larger, but not of another shape: stretched over it, it would mark other places. */
function expectSameShape(mask: Dimensions | null, image: Dimensions | null): void {
  // What has no header that can be read is left to `decode`, which says what is wrong with it.
  if (mask === null || image === null) return;
  // Either edge of the mask may be rounded by a pixel.
  const isAlike = Math.abs(mask.width * image.height - mask.height * image.width) <= image.width + image.height;
  if (isAlike) return;
  throw new Error(
    `expected a mask of the shape of its image, ${image.width}x${image.height} as it is stored (a turn noted in EXIF is not ` +
      `applied), got ${mask.width}x${mask.height}`,
  );
}

/** So many images, evenly over the folder, say what size suits it. */
const LOOKED_AT = 200;

/** An image that does not say what size it is is left to `decode`, which says what is wrong with it. */
export async function sizesIn({ root, images }: LabelledFolder): Promise<Dimensions[]> {
  const step = Math.max(1, Math.floor(images.length / LOOKED_AT));
  const sizes: Dimensions[] = [];
  for (let i = 0; i < images.length; i += step) {
    const file = images[i]?.file;
    const header = file === undefined ? null : readHeader(await readFile(path.join(root, file)));
    if (header?.dimensions) sizes.push(header.dimensions);
  }
  return sizes;
}
