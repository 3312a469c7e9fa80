/** Fits the pixel baseline on one folder and measures it on another. */

import type { LabelledFolder } from '../../training/labelled-folder.ts';
import { BASELINE_EDGE, type PixelImage, pixelBaseline } from '../../training/pixel-baseline.ts';
import { folderPixels } from './folder-pixels.ts';
import { weightPicture } from './pictures.ts';

/** More images than this are thinned evenly: each takes 100 kB. */
const MAX_IMAGES = 2000;

export async function baselineOf(
  trained: LabelledFolder,
  tested: LabelledFolder,
): Promise<{ readonly auroc: number; readonly weightPicture: string } | null> {
  const baseline = pixelBaseline(await imagesOf(trained), await imagesOf(tested));
  if (baseline === null) return null;
  return { auroc: baseline.auroc, weightPicture: await weightPicture(baseline.weights, BASELINE_EDGE) };
}

async function imagesOf({ root, images }: LabelledFolder): Promise<PixelImage[]> {
  const size = { width: BASELINE_EDGE, height: BASELINE_EDGE };
  const source = folderPixels(root, { ...size, colour: 'RGB', fit: 'fill', kernel: 'linear' });
  const every = Math.ceil(images.length / MAX_IMAGES);
  const chosen = images.filter((_, i) => i % every === 0);
  const decoded: PixelImage[] = [];
  for (const { file, isDefective, group } of chosen) {
    // What cannot be decoded is reported where it is scored.
    const pixels = await source.pixels(file).catch(() => null);
    if (pixels !== null) decoded.push({ file, isDefective, group, pixels });
  }
  return decoded;
}
