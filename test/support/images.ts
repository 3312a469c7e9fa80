/** Small images made on the spot. */

import sharp from 'sharp';

const greys = new Map<number, Promise<Uint8Array>>();

/** A PNG of one grey, 0..255; the test model `mean-brightness` scores it level / 255. The same bytes each time. */
export function greyPng(level: number, edge = 16): Promise<Uint8Array> {
  const key = level * 10_000 + edge;
  const made =
    greys.get(key) ??
    sharp({ create: { width: edge, height: edge, channels: 3, background: { r: level, g: level, b: level } } })
      .png()
      .toBuffer();
  greys.set(key, made);
  return made;
}
