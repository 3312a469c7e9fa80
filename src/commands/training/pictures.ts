/** Small pictures for a report, as `data:` addresses. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeJpeg, encodePng } from '../../demo/jpeg.ts';
import { decode } from '../../engine/decode.ts';
import { Explainer, ExplainerFailedError } from '../../engine/explainer.ts';
import type { EngineModel } from '../../engine/protocol.ts';
import type { HeatMap } from '../../frame/heat-map.ts';
import { readHeader } from '../../frame/image-header/dimensions.ts';
import type { Evaluation, EvaluatedImage } from '../../training/evaluation.ts';
import type { Mistake } from '../../training/report/report.ts';

/** Pixels of the longer edge. */
const EDGE = 150;
/** For all heat maps of a report together; the pictures that come later have none. */
const HEAT_BUDGET_MS = 60_000;
/** How much of the hottest cell is red. */
const OPAQUE = 0.65;
const MAX_PIXELS = 1 << 28;
/** Of each class. */
const SHOWN = 12;

/**
 * The defective images with the lowest and the good ones with the highest probability: on the wrong side of 0.5, escaped or falsely
 * rejected.
 * @param model for heat maps; without it there are none
 */
export async function worstMistakes({ scored }: Evaluation, root: string, model?: EngineModel): Promise<Mistake[]> {
  const missed = scored
    .filter((image) => image.isDefective && (image.probability < 0.5 || image.verdict === 'PASS'))
    .toReversed();
  const blamed = scored.filter((image) => !image.isDefective && (image.probability >= 0.5 || image.verdict === 'FAIL'));
  const limits = { maxPixels: MAX_PIXELS, startTimeoutMs: HEAT_BUDGET_MS, timeoutMs: HEAT_BUDGET_MS };
  const explainer = new Explainer({ ...limits, idleMs: HEAT_BUDGET_MS, maxWaiting: 1 });
  const until = performance.now() + HEAT_BUDGET_MS;
  const mistakes: Mistake[] = [];
  try {
    for (const image of [...missed.slice(0, SHOWN), ...blamed.slice(0, SHOWN)]) {
      const bytes = await readFile(path.join(root, image.file));
      const map = model !== undefined && performance.now() < until ? await mapOf(explainer, model, bytes) : null;
      const { heat, ...plain } = await mistakeOf(image, bytes, map);
      mistakes.push(model === undefined ? plain : { ...plain, heat });
    }
  } finally {
    explainer.stop();
  }
  return mistakes;
}

/** Null where the picture or the model gives none: the report then says how many are missing. */
async function mapOf(explainer: Explainer, model: EngineModel, bytes: Uint8Array): Promise<HeatMap | null> {
  try {
    const image = { kind: 'encoded', bytes } as const;
    const explained = await explainer.explain({ model, image, roi: null, wantsMap: true }, true);
    return explained.kind === 'explained' ? explained.heatMap : null;
  } catch (error) {
    if (error instanceof ExplainerFailedError) return null;
    throw error;
  }
}

async function mistakeOf(image: EvaluatedImage, bytes: Uint8Array, map: HeatMap | null): Promise<Required<Mistake>> {
  const { file, isDefective, kind, probability, verdict } = image;
  const { dimensions } = readHeader(bytes);
  const scale = dimensions === null ? 1 : EDGE / Math.max(dimensions.width, dimensions.height);
  // The shape of the picture itself: a heat map is given in fractions of it.
  const [width, height] = [dimensions?.width ?? EDGE, dimensions?.height ?? EDGE].map((edge) =>
    Math.max(1, Math.round(edge * scale)),
  ) as [number, number];
  const want = { width, height, colour: 'RGB', fit: 'fill', kernel: 'linear' } as const;
  const decoding = await decode({ kind: 'encoded', bytes }, want, null, { maxPixels: MAX_PIXELS });
  const shown = async (pixels: Uint8Array) =>
    `data:image/jpeg;base64,${Buffer.from(await encodeJpeg(pixels, width, 80, height)).toString('base64')}`;
  const picture = decoding.ok ? await shown(decoding.pixels) : null;
  const heat = decoding.ok && map !== null ? await shown(heated(decoding.pixels, width, height, map)) : null;
  return {
    file,
    caption: `${isDefective ? `NG (${kind})` : 'OK'}: ${(probability ?? 0).toFixed(3)}, ${verdict}`,
    picture,
    heat,
  };
}

/**
 * Red over a picture, the more the hotter.
 * @param pixels uint8 [height, width, 3], RGB
 */
export function heated(pixels: Uint8Array, width: number, height: number, map: HeatMap): Uint8Array {
  const over = Uint8Array.from(pixels);
  const { area, columns, rows, values } = map;
  for (let y = 0; y < height; y++) {
    const row = Math.floor((((y + 0.5) / height - area.y) / area.height) * rows);
    for (let x = 0; x < width; x++) {
      const column = Math.floor((((x + 0.5) / width - area.x) / area.width) * columns);
      if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
      const share = OPAQUE * (values[row * columns + column] ?? 0);
      const at = 3 * (y * width + x);
      for (const [c, full] of [255, 0, 0].entries()) {
        over[at + c] = Math.round((over[at + c] ?? 0) * (1 - share) + full * share);
      }
    }
  }
  return over;
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
