/** Drawn pixels to image files. The only use of sharp outside the engine. */

import sharp from 'sharp';

const input = (pixels: Uint8Array, size: number) => sharp(pixels, { raw: { width: size, height: size, channels: 3 } });

/** @param pixels uint8 HWC, RGB, size*size*3 bytes */
export function encodeJpeg(pixels: Uint8Array, size: number, quality = 90): Promise<Uint8Array> {
  return input(pixels, size).jpeg({ quality }).toBuffer();
}

/** @param pixels uint8 HWC, RGB, size*size*3 bytes */
export function encodePng(pixels: Uint8Array, size: number): Promise<Uint8Array> {
  return input(pixels, size).png().toBuffer();
}
