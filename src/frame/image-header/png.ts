/** PNG (W3C PNG 11.2.2): IHDR is the first chunk, IEND the last. */

import type { EndFinder, HeaderReader } from './header-reader.ts';

const IHDR = 0x49484452;
const IEND = 0x49454e44;
const FIRST_CHUNK = 8;
/** Length, type and CRC of a chunk. */
const CHUNK_FRAME = 12;

export const pngDimensions: HeaderReader = (bytes) => {
  if (bytes.byteLength < 24 || bytes.getUint32(8) !== 13 || bytes.getUint32(12) !== IHDR) return null;
  return pngEnd(bytes) !== null ? { width: bytes.getUint32(16), height: bytes.getUint32(20) } : null;
};

/** A decoder is content with a file cut off in its last bytes, behind the pixels; a cut-off file is not to be trusted. */
export const pngEnd: EndFinder = (bytes) => {
  for (let at = FIRST_CHUNK; at + CHUNK_FRAME <= bytes.byteLength; at += CHUNK_FRAME + bytes.getUint32(at)) {
    if (bytes.getUint32(at + 4) === IEND) return at + CHUNK_FRAME;
  }
  return null;
};
