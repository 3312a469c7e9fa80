/** Raw camera pixels to 8-bit grey or RGB. Pure. Format names and packings: GenICam PFNC. */

import type { RawImage } from '../frame/frame.ts';
import { bytesPerRow } from '../frame/pixel-format.ts';
import { debayer } from './debayer.ts';

/** uint8, rows without padding, HWC; 1 channel is grey, 3 are RGB. */
export interface EightBit {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/** Writes one row of `width` pixels, read from `bytes` at `from`, into `out` at `to`. */
type RowReader = (bytes: Uint8Array, from: number, width: number, out: Uint8Array, to: number) => void;

const at = (bytes: Uint8Array, i: number) => bytes[i] ?? 0;

const copy =
  (channels: number): RowReader =>
  (bytes, from, width, out, to) =>
    out.set(bytes.subarray(from, from + width * channels), to);

const swapRedAndBlue: RowReader = (bytes, from, width, out, to) => {
  for (let i = 0; i < width * 3; i += 3) {
    out[to + i] = at(bytes, from + i + 2);
    out[to + i + 1] = at(bytes, from + i + 1);
    out[to + i + 2] = at(bytes, from + i);
  }
};

/** 16-bit little-endian containers, value in the low `bits`. A value beyond them is clamped to white. */
const containers =
  (bits: number): RowReader =>
  (bytes, from, width, out, to) => {
    for (let x = 0; x < width; x++) {
      const value = at(bytes, from + 2 * x) | (at(bytes, from + 2 * x + 1) << 8);
      out[to + x] = Math.min(value >> (bits - 8), 255);
    }
  };

/** Mono12p: two pixels in three bytes, lsb first: [p0 7..0][p1 3..0 | p0 11..8][p1 11..4]. */
const mono12p: RowReader = (bytes, from, width, out, to) => {
  for (let x = 0; x < width; x++) {
    const triple = from + 3 * (x >> 1);
    out[to + x] =
      x % 2 === 0 ? ((at(bytes, triple + 1) & 0x0f) << 4) | (at(bytes, triple) >> 4) : at(bytes, triple + 2);
  }
};

/** Mono12Packed of GigE Vision: the high bytes lie whole: [p0 11..4][p1 3..0 | p0 3..0][p1 11..4]. */
const mono12Packed: RowReader = (bytes, from, width, out, to) => {
  for (let x = 0; x < width; x++) {
    // A lone last pixel takes two bytes: its high byte is the first of them.
    out[to + x] = at(bytes, from + 3 * (x >> 1) + (x % 2 === 0 ? 0 : 2));
  }
};

const READERS = {
  MONO8: copy(1),
  MONO10: containers(10),
  MONO12: containers(12),
  MONO16: containers(16),
  MONO12P: mono12p,
  MONO12_PACKED: mono12Packed,
  RGB8: copy(3),
  BGR8: swapRedAndBlue,
  BAYER_RG8: copy(1),
  BAYER_GR8: copy(1),
  BAYER_GB8: copy(1),
  BAYER_BG8: copy(1),
} as const satisfies Record<RawImage['format'], RowReader>;

/** Column and row of the first red pixel in each 2x2 cell of a mosaic. */
const FIRST_RED: Partial<Record<RawImage['format'], readonly [redX: 0 | 1, redY: 0 | 1]>> = {
  BAYER_RG8: [0, 0],
  BAYER_GR8: [1, 0],
  BAYER_GB8: [0, 1],
  BAYER_BG8: [1, 1],
};

/** Bytes a raw image of this shape must at least have: the last row needs no padding. */
export function leastBytes(image: Pick<RawImage, 'format' | 'width' | 'height' | 'stride'>): number {
  return image.stride * (image.height - 1) + bytesPerRow(image.format, image.width);
}

/**
 * Higher bit depths keep their upper 8 bits; Bayer mosaics become RGB by bilinear interpolation.
 * @param image its bytes reach `leastBytes(image)` and its stride a row
 */
export function toEightBit(image: RawImage): EightBit {
  const { format, width, height, stride, bytes } = image;
  const channels = format === 'RGB8' || format === 'BGR8' ? 3 : 1;
  const data = new Uint8Array(width * height * channels);
  const read: RowReader = READERS[format];
  for (let y = 0; y < height; y++) read(bytes, y * stride, width, data, y * width * channels);
  const red = FIRST_RED[format];
  if (red === undefined) return { data, width, height, channels };
  return { data: debayer(data, width, height, ...red), width, height, channels: 3 };
}
