import { describe, expect, it } from 'vitest';
import { toEightBit } from '../../src/engine/raw-pixels.ts';
import type { RawImage } from '../../src/frame/frame.ts';

const raw = (format: RawImage['format'], width: number, height: number, stride: number, bytes: number[]): RawImage => ({
  kind: 'raw',
  format,
  width,
  height,
  stride,
  bytes: Uint8Array.from(bytes),
});
const values = (image: RawImage) => [...toEightBit(image).data];

describe('raw pixels become 8-bit ones', () => {
  it('drops the padding at the end of a row, also where the last row has none', () => {
    expect(values(raw('MONO8', 2, 2, 4, [1, 2, 0, 0, 3, 4]))).toEqual([1, 2, 3, 4]);
    expect(values(raw('RGB8', 1, 2, 4, [1, 2, 3, 0, 4, 5, 6]))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('turns BGR into RGB', () => {
    expect(values(raw('BGR8', 2, 1, 6, [1, 2, 3, 4, 5, 6]))).toEqual([3, 2, 1, 6, 5, 4]);
  });

  it('keeps the upper 8 bits of 10, 12 and 16 in little-endian containers', () => {
    expect(values(raw('MONO10', 2, 1, 4, [0xff, 0x03, 0x00, 0x02]))).toEqual([0xff, 0x80]);
    expect(values(raw('MONO12', 2, 1, 4, [0xbc, 0x0a, 0x10, 0x00]))).toEqual([0xab, 0x01]);
    expect(values(raw('MONO16', 2, 1, 4, [0xcd, 0xab, 0xff, 0xff]))).toEqual([0xab, 0xff]);
  });

  it('clamps a value beyond the depth of its container instead of wrapping it to dark', () => {
    expect(values(raw('MONO12', 1, 1, 2, [0x00, 0x10]))).toEqual([0xff]);
  });

  it('unpacks Mono12p and Mono12Packed, each its own way', () => {
    // p0 = 0xABC, p1 = 0x123
    expect(values(raw('MONO12P', 2, 1, 3, [0xbc, 0x3a, 0x12]))).toEqual([0xab, 0x12]);
    expect(values(raw('MONO12_PACKED', 2, 1, 3, [0xab, 0x3c, 0x12]))).toEqual([0xab, 0x12]);
  });

  it('unpacks a last lone pixel of an odd row', () => {
    expect(values(raw('MONO12P', 3, 1, 5, [0xbc, 0x3a, 0x12, 0x50, 0x04]))).toEqual([0xab, 0x12, 0x45]);
    expect(values(raw('MONO12_PACKED', 3, 1, 5, [0xab, 0x3c, 0x12, 0x45, 0x00]))).toEqual([0xab, 0x12, 0x45]);
  });

  it('finds the same flat colour in every Bayer order', () => {
    const [r, g, b] = [200, 100, 50];
    const tiles = {
      BAYER_RG8: [r, g, g, b],
      BAYER_GR8: [g, r, b, g],
      BAYER_GB8: [g, b, r, g],
      BAYER_BG8: [b, g, g, r],
    } as const;
    for (const [format, [a, c, d, e]] of Object.entries(tiles)) {
      const mosaic = [0, 1, 2, 3].flatMap((y) => (y % 2 === 0 ? [a, c, a, c] : [d, e, d, e]));
      const image = toEightBit(raw(format as RawImage['format'], 4, 4, 4, mosaic));
      expect(image.channels).toBe(3);
      expect([...image.data]).toEqual(Array.from({ length: 16 }, () => [r, g, b]).flat());
    }
  });

  it('interpolates between neighbours', () => {
    // R G R / G B G / R G R with reds 0, 100, 200, 40: the blue pixel sees their mean.
    const image = toEightBit(raw('BAYER_RG8', 3, 3, 3, [0, 10, 100, 20, 7, 30, 200, 40, 40]));
    expect(Array.from(image.data.slice(12, 15))).toEqual([85, 25, 7]);
  });

  it('survives a mosaic of one pixel', () => {
    expect(values(raw('BAYER_BG8', 1, 1, 1, [9]))).toEqual([9, 9, 9]);
  });
});
