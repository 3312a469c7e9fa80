/** Width and height from an image's header, before anything is decoded. Pure, and safe on any bytes. */

import { imageTypeOf, type ImageType } from '../image-type.ts';
import type { Dimensions, HeaderReader } from './header-reader.ts';
import { jpegFrame } from './jpeg.ts';
import { pngDimensions } from './png.ts';
import { tiffDimensions } from './tiff.ts';
import { webpDimensions } from './webp.ts';

const READERS: Readonly<Record<ImageType, HeaderReader>> = {
  'image/jpeg': jpegFrame,
  'image/png': pngDimensions,
  'image/webp': webpDimensions,
  'image/tiff': tiffDimensions,
};

export type Header =
  | { readonly type: null; readonly dimensions: null }
  | { readonly type: ImageType; readonly dimensions: Dimensions | null };

export function readHeader(bytes: Uint8Array): Header {
  const type = imageTypeOf(bytes);
  if (type === null) return { type, dimensions: null };
  const dimensions = READERS[type](new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return { type, dimensions: dimensions !== null && dimensions.width > 0 && dimensions.height > 0 ? dimensions : null };
}
