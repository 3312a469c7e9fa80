/** `report/learning-curve.json` of a package, as `loupe teach --curve` and `train_folder.py --curve` leave it there. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { CurvePoint } from '../../training/learning-curve.ts';
import { CommandError, EXIT } from '../exit.ts';

const NAME = path.join('report', 'learning-curve.json');

const curveFile = z.object({
  points: z.array(
    z.object({ train_parts: z.int().min(1), train_images: z.int().min(1), auroc: z.number().min(0).max(1) }),
  ),
});

export const curveFileIn = (packageFolder: string) => path.join(packageFolder, NAME);

/** Fewest parts first; empty where the package brings none. @throws CommandError where it brings something else under this name */
export async function readCurve(packageFolder: string): Promise<CurvePoint[]> {
  const text = await readFile(curveFileIn(packageFolder), 'utf8').catch(() => null);
  if (text === null) return [];
  return pointsIn(text, curveFileIn(packageFolder)).map(({ train_parts: parts, train_images: images, auroc }) => ({
    parts,
    images,
    auroc,
  }));
}

function pointsIn(text: string, file: string): z.output<typeof curveFile>['points'] {
  try {
    return curveFile.parse(JSON.parse(text)).points;
  } catch (error) {
    throw new CommandError(EXIT.failed, `${file}: expected points of train_parts, train_images and auroc (0..1)`, {
      cause: error,
    });
  }
}

export function curveJson(points: readonly CurvePoint[]): z.output<typeof curveFile> {
  return { points: points.map(({ parts, images, auroc }) => ({ train_parts: parts, train_images: images, auroc })) };
}
