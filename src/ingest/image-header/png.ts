/** PNG (W3C PNG 11.2.2): IHDR is the first chunk. */

import type { HeaderReader } from './header-reader.ts';

const IHDR = 0x49484452;

export const pngDimensions: HeaderReader = (bytes) => {
  if (bytes.byteLength < 24 || bytes.getUint32(8) !== 13 || bytes.getUint32(12) !== IHDR) return null;
  return { width: bytes.getUint32(16), height: bytes.getUint32(20) };
};
