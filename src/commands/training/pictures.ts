/** Small pictures for a report, as `data:` addresses. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeJpeg, encodePng } from '../../demo/jpeg.ts';
import { decode } from '../../engine/decode.ts';
import type { Evaluation, EvaluatedImage } from '../../training/evaluation.ts';
import type { Mistake } from '../../training/report/report.ts';

const EDGE = 150;
const MAX_PIXELS = 1 << 28;
/** Of each class. */
const SHOWN = 12;

/** The defective images with the lowest and the good ones with the highest probability, on the wrong side of 0.5. */
export async function worstMistakes({ scored }: Evaluation, root: string): Promise<Mistake[]> {
  const missed = scored.filter((image) => image.isDefective && image.probability < 0.5).toReversed();
  const blamed = scored.filter((image) => !image.isDefective && image.probability >= 0.5);
  return Promise.all([...missed.slice(0, SHOWN), ...blamed.slice(0, SHOWN)].map((image) => mistakeOf(image, root)));
}

async function mistakeOf(image: EvaluatedImage, root: string): Promise<Mistake> {
  const { file, isDefective, kind, probability, verdict } = image;
  const bytes = await readFile(path.join(root, file));
  const want = { width: EDGE, height: EDGE, colour: 'RGB', fit: 'contain', kernel: 'linear' } as const;
  const decoding = await decode({ kind: 'encoded', bytes }, want, null, { maxPixels: MAX_PIXELS });
  const picture = decoding.ok
    ? `data:image/jpeg;base64,${Buffer.from(await encodeJpeg(decoding.pixels, EDGE, 80)).toString('base64')}`
    : null;
  return {
    file,
    caption: `${isDefective ? `NG (${kind})` : 'OK'}: ${(probability ?? 0).toFixed(3)}, ${verdict}`,
    picture,
  };
}

/**
 * Weights of pixels as a picture: red speaks for a defect, blue against.
 * @param weights [edge, edge, 3], channels summed
 */
export async function weightPicture(weights: Float64Array, edge: number): Promise<string> {
  const sums = Array.from({ length: edge * edge }, (_, p) => {
    return (weights[3 * p] ?? 0) + (weights[3 * p + 1] ?? 0) + (weights[3 * p + 2] ?? 0);
  });
  const most = Math.max(...sums.map(Math.abs), 1e-12);
  const pixels = new Uint8Array(edge * edge * 3);
  for (const [p, sum] of sums.entries()) {
    const fade = 255 * (1 - Math.abs(sum) / most);
    pixels.set(sum > 0 ? [255, fade, fade] : [fade, fade, 255], 3 * p);
  }
  return `data:image/png;base64,${Buffer.from(await encodePng(pixels, edge)).toString('base64')}`;
}
