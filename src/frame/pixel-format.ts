/** Raw pixel formats by their GenICam PFNC names. Mono12p and Mono12Packed pack differently: never confuse them. */

export const PIXEL_FORMATS = [
  'MONO8',
  'MONO10',
  'MONO12',
  'MONO12P',
  'MONO12_PACKED',
  'MONO16',
  'RGB8',
  'BGR8',
  'BAYER_RG8',
  'BAYER_GR8',
  'BAYER_GB8',
  'BAYER_BG8',
] as const;

export type PixelFormat = (typeof PIXEL_FORMATS)[number];

const BITS_PER_PIXEL: Readonly<Record<PixelFormat, number>> = {
  MONO8: 8,
  MONO10: 16,
  MONO12: 16,
  MONO12P: 12,
  MONO12_PACKED: 12,
  MONO16: 16,
  RGB8: 24,
  BGR8: 24,
  BAYER_RG8: 8,
  BAYER_GR8: 8,
  BAYER_GB8: 8,
  BAYER_BG8: 8,
};

/** Bytes of one row of `width` pixels without padding. */
export function bytesPerRow(format: PixelFormat, width: number): number {
  return Math.ceil((BITS_PER_PIXEL[format] * width) / 8);
}
