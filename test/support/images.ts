/** Small images made on the spot, and those that ship. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { manifestSchema } from '../../src/model-repository/manifest.ts';
import { SHIPPED_MODELS } from './pool.ts';

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

/** File of the golden picture of plate-demo that is surest to be good, or to be defective. */
export function goldenPicture(kind: 'good' | 'defective'): string {
  const folder = path.join(SHIPPED_MODELS, 'plate-demo', '1');
  const { golden } = manifestSchema.parse(JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')));
  const surest = golden.toSorted((a, b) => a.probability - b.probability).at(kind === 'good' ? 0 : -1);
  if (surest === undefined) throw new Error('plate-demo has no golden pictures');
  return path.join(folder, surest.file);
}
