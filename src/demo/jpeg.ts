/** Drawn pixels to image files. The only use of sharp outside the engine. */

import sharp from 'sharp';

const input = (pixels: Uint8Array, width: number, height: number) =>
  sharp(pixels, { raw: { width, height, channels: 3 } });

/** @param pixels uint8 HWC, RGB, width*height*3 bytes; a square unless told otherwise */
export function encodeJpeg(pixels: Uint8Array, width: number, quality = 90, height = width): Promise<Uint8Array> {
  return input(pixels, width, height).jpeg({ quality }).toBuffer();
}

/** @param pixels uint8 HWC, RGB, size*size*3 bytes */
export function encodePng(pixels: Uint8Array, size: number): Promise<Uint8Array> {
  return input(pixels, size, size).png().toBuffer();
}

/** @param mask uint8 [size, size]; a lossless PNG */
export function encodeMask(mask: Uint8Array, size: number): Promise<Uint8Array> {
  return sharp(mask, { raw: { width: size, height: size, channels: 1 } })
    .png()
    .toBuffer();
}
