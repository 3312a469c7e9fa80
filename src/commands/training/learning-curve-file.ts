/** `report/learning-curve.json` of a package, as `loupe teach --curve` and `train_folder.py --curve` leave it there. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { CurvePoint } from '../../training/learning-curve.ts';

const NAME = path.join('report', 'learning-curve.json');

const curveFile = z.object({
  points: z.array(
    z.object({ train_parts: z.int().min(1), train_images: z.int().min(1), auroc: z.number().min(0).max(1) }),
  ),
});

export const curveFileIn = (packageFolder: string) => path.join(packageFolder, NAME);

/** Fewest parts first; empty where the package brings none. */
export async function readCurve(packageFolder: string): Promise<CurvePoint[]> {
  const text = await readFile(curveFileIn(packageFolder), 'utf8').catch(() => null);
  if (text === null) return [];
  const { points } = curveFile.parse(JSON.parse(text));
  return points.map(({ train_parts: parts, train_images: images, auroc }) => ({ parts, images, auroc }));
}

export function curveJson(points: readonly CurvePoint[]): z.output<typeof curveFile> {
  return { points: points.map(({ parts, images, auroc }) => ({ train_parts: parts, train_images: images, auroc })) };
}
