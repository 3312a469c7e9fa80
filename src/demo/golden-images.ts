/** The golden images of a model of drawn parts. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Session } from '../engine/session.ts';
import { type Manifest, manifestSchema } from '../model-repository/manifest.ts';
import type { Defect } from './defect.ts';
import { pixelsOf } from './drawn-dataset.ts';
import { encodeJpeg } from './jpeg.ts';
import { drawPart, PART_SIZE } from './part.ts';

const GOLDEN: readonly (readonly [Defect, number])[] = [
  ['none', 900_001],
  ['none', 900_002],
  ['none', 900_003],
  ['scratch', 900_004],
  ['crack', 900_005],
  ['dent', 900_006],
  ['stain', 900_007],
];

/** The folder is no model package. */
export class NoPackageError extends Error {
  override readonly name = 'NoPackageError';
}

/**
 * Draws the golden parts into `<folder>/golden`, scores them on the CPU as an engine would, and rewrites the manifest.
 * @throws NoPackageError when the folder has no manifest that can be read
 */
export async function recordGolden(folder: string): Promise<Manifest['golden']> {
  const file = path.join(folder, 'manifest.json');
  let manifest: Manifest;
  try {
    manifest = manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new NoPackageError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const { input, output } = manifest;
  const model = await readFile(path.join(folder, 'model.onnx'));
  const session = await Session.open(model, { input, output }, { provider: 'cpu', threads: 1 });
  await mkdir(path.join(folder, 'golden'), { recursive: true });
  const golden: Manifest['golden'] = [];
  for (const [defect, seed] of GOLDEN) {
    const name = `golden/${defect === 'none' ? 'good' : defect}-${seed}.jpg`;
    const jpeg = await encodeJpeg(drawPart(seed, defect), PART_SIZE);
    await writeFile(path.join(folder, name), jpeg);
    const want = { ...input.resize, width: input.width, height: input.height, colour: input.colour };
    const [probability = Number.NaN] = await session.run([await pixelsOf(jpeg, want)], 1);
    golden.push({ file: name, probability: Number(probability.toFixed(6)) });
  }
  await writeFile(file, `${JSON.stringify({ ...manifest, golden }, null, 2)}\n`);
  return golden;
}
