/** WebP (RFC 9649): lossy, lossless or extended, told by the first chunk. */

import type { EndFinder, HeaderReader } from './header-reader.ts';

const VP8_LOSSY = 0x56503820;
const VP8_LOSSLESS = 0x5650384c;
const VP8_EXTENDED = 0x56503858;

export const webpDimensions: HeaderReader = (bytes) => {
  if (bytes.byteLength < 30) return null;
  switch (bytes.getUint32(12)) {
    case VP8_LOSSY:
      // 3 bytes of frame tag, the start code 9d 01 2a, then 14 bits each.
      if (bytes.getUint16(23) !== 0x9d01 || bytes.getUint8(25) !== 0x2a) return null;
      return { width: bytes.getUint16(26, true) & 0x3fff, height: bytes.getUint16(28, true) & 0x3fff };
    case VP8_LOSSLESS: {
      if (bytes.getUint8(20) !== 0x2f) return null;
      const bits = bytes.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case VP8_EXTENDED: {
      const uint24 = (at: number) => bytes.getUint16(at, true) | (bytes.getUint8(at + 2) << 16);
      return { width: uint24(24) + 1, height: uint24(27) + 1 };
    }
    default:
      return null;
  }
};

/** RIFF counts from behind its own eight bytes, and pads to an even number. */
export const webpEnd: EndFinder = (bytes) => {
  if (bytes.byteLength < 8) return null;
  const size = bytes.getUint32(4, true);
  return 8 + size + (size % 2);
};
