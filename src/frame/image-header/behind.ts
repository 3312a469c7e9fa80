/**
 * Another picture behind the first, as where a buffer was not emptied or a message holds two frames. A decoder sees the first alone, and
 * says nothing: the second part would have the verdict of the one before. Pure, and safe on any bytes.
 */

import { imageTypeOf, type ImageType } from '../image-type.ts';
import type { EndFinder } from './header-reader.ts';
import { jpegEnd } from './jpeg.ts';
import { pngEnd } from './png.ts';
import { webpEnd } from './webp.ts';

/** A TIFF has no end that can be told; its pages are counted when it is decoded. */
const ENDS: Readonly<Record<ImageType, EndFinder>> = {
  'image/jpeg': jpegEnd,
  'image/png': pngEnd,
  'image/webp': webpEnd,
  'image/tiff': () => null,
};
/** What stands between two files where somebody padded or parted them: NUL, LF, CR. */
const isPadding = (byte: number | undefined) => byte === 0x00 || byte === 0x0a || byte === 0x0d;

/** Where another picture begins; null where none follows. */
export function pictureBehind(type: ImageType, bytes: Uint8Array): number | null {
  const end = ENDS[type](new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (end === null) return null;
  let at = end;
  while (isPadding(bytes[at])) at++;
  return imageTypeOf(bytes.subarray(at)) === null ? null : at;
}
