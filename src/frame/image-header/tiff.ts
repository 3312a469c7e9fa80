/** TIFF 6.0: ImageWidth (256) and ImageLength (257) of the first directory. BigTIFF is not taken. */

import type { HeaderReader } from './header-reader.ts';

const WIDTH = 256;
const LENGTH = 257;
const SHORT = 3;
const LONG = 4;

export const tiffDimensions: HeaderReader = (bytes) => {
  if (bytes.byteLength < 10) return null;
  const little = bytes.getUint8(0) === 0x49;
  const directory = bytes.getUint32(4, little);
  if (directory + 2 > bytes.byteLength) return null;
  const entries = bytes.getUint16(directory, little);
  let [width, height] = [0, 0];
  for (let n = 0; n < entries; n++) {
    const at = directory + 2 + 12 * n;
    if (at + 12 > bytes.byteLength) return null;
    const tag = bytes.getUint16(at, little);
    if (tag !== WIDTH && tag !== LENGTH) continue;
    const type = bytes.getUint16(at + 2, little);
    if ((type !== SHORT && type !== LONG) || bytes.getUint32(at + 4, little) !== 1) return null;
    const value = type === SHORT ? bytes.getUint16(at + 8, little) : bytes.getUint32(at + 8, little);
    if (tag === WIDTH) width = value;
    else height = value;
  }
  return { width, height };
};
