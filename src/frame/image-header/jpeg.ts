/** JPEG (ITU-T T.81 annex B): walks the markers to the frame header, and to the end of the picture. */

import type { Dimensions, EndFinder } from './header-reader.ts';

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
const END_MARKER = Uint8Array.of(0xff, END_OF_IMAGE);
const START_OF_SCAN = 0xda;
const APP2 = 0xe2;
/** "MPF", the index of a file that holds several pictures on purpose (CIPA DC-007), behind the length of its segment. */
const MULTI_PICTURE = 0x4d504600;

interface Segment {
  readonly marker: number;
  /** Of its marker. */
  readonly at: number;
  /** Without the two bytes of the marker. */
  readonly length: number;
}

/** The segments before the pixels, the start of the first scan among them; ends early where the header is broken or cut off. */
function* segmentsOf(bytes: DataView): Generator<Segment> {
  let at = 2;
  while (at + 4 <= bytes.byteLength) {
    if (bytes.getUint8(at) !== 0xff) return;
    const marker = bytes.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (isBare(marker)) {
      at += 2;
      continue;
    }
    if (marker === END_OF_IMAGE) return;
    const length = bytes.getUint16(at + 2);
    if (length < 2) return;
    yield { marker, at, length };
    if (marker === START_OF_SCAN) return;
    at += 2 + length;
  }
}

/** Null where the header is cut off or contradicts itself. Never throws. */
export function jpegFrame(bytes: DataView): JpegFrame | null {
  for (const { marker, at, length } of segmentsOf(bytes)) {
    if (!isFrameHeader(marker)) continue;
    if (length < 8 || at + 10 > bytes.byteLength) return null;
    return {
      bits: bytes.getUint8(at + 4),
      height: bytes.getUint16(at + 5),
      width: bytes.getUint16(at + 7),
      components: bytes.getUint8(at + 9),
    };
  }
  return null;
}

/** Within pixels 0xff is followed by 0x00 or a restart, so the first end of image is that of this picture. */
export const jpegEnd: EndFinder = (bytes) => {
  for (const { marker, at, length } of segmentsOf(bytes)) {
    if (marker === APP2 && length >= 6 && at + 8 <= bytes.byteLength && bytes.getUint32(at + 4) === MULTI_PICTURE)
      return null;
    if (marker !== START_OF_SCAN) continue;
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(END_MARKER, at + 2 + length);
    return found === -1 ? null : found + END_MARKER.length;
  }
  return null;
};
