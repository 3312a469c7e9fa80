import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { curveFileIn, curveJson, readCurve } from '../../../src/commands/training/learning-curve-file.ts';
import { emptyFolder } from '../../support/service-process.ts';

it('gives back the curve that was written, none where there is none, and refuses what is no curve by its name', async () => {
  const folder = emptyFolder();
  expect(await readCurve(folder)).toEqual([]);
  mkdirSync(path.dirname(curveFileIn(folder)));
  const points = [
    { parts: 12, images: 24, auroc: 0.8 },
    { parts: 24, images: 48, auroc: 0.9 },
  ];
  writeFileSync(curveFileIn(folder), JSON.stringify(curveJson(points)));
  expect(await readCurve(folder)).toEqual(points);
  for (const text of [
    '{"points": [{"train_parts": 3, "train_images": 9, "auroc": NaN}]}',
    '{"points": [{"auroc": 2}]}',
    '',
  ]) {
    writeFileSync(curveFileIn(folder), text);
    await expect(readCurve(folder)).rejects.toThrow(/learning-curve\.json: expected points of train_parts/);
  }
});
