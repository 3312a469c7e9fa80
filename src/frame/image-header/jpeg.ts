/** JPEG (ITU-T T.81 annex B): walks the markers to the frame header. */

import type { Dimensions } from './header-reader.ts';

/** What the frame header says: bits per sample, and how many components (1 grey, 3 YCbCr or RGB, 4 CMYK). */
export interface JpegFrame extends Dimensions {
  readonly bits: number;
  readonly components: number;
}

/** SOF0..SOF15 without DHT (C4), JPG (C8) and DAC (CC). */
const isFrameHeader = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
/** Markers without a length: TEM, RST0..7, SOI. */
const isBare = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;

/** Null where the header is cut off or contradicts itself. Never throws. */
export function jpegFrame(bytes: DataView): JpegFrame | null {
  let at = 2;
  while (at + 4 <= bytes.byteLength) {
    if (bytes.getUint8(at) !== 0xff) return null;
    const marker = bytes.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (isBare(marker)) {
      at += 2;
      continue;
    }
    if (marker === END_OF_IMAGE || marker === START_OF_SCAN) return null;
    const length = bytes.getUint16(at + 2);
    if (length < 2) return null;
    if (isFrameHeader(marker)) {
      if (length < 8 || at + 10 > bytes.byteLength) return null;
      return {
        bits: bytes.getUint8(at + 4),
        height: bytes.getUint16(at + 5),
        width: bytes.getUint16(at + 7),
        components: bytes.getUint8(at + 9),
      };
    }
    at += 2 + length;
  }
  return null;
}
