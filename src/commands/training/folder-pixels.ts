/** Files of a labelled folder through the engine's decode: one preprocessing for training and serving. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { decode, type Wanted } from '../../engine/decode.ts';
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
