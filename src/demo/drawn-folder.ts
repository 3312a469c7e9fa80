/** Drawn parts as a labelled folder, as a person would hand in photographs: ok/, ng/, masks/, manifest.csv. */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { DEFECTS, type Defect } from './defect.ts';
import { encodeJpeg, encodeMask } from './jpeg.ts';
import { drawPart, PART_SIZE } from './part.ts';
import { randomFrom } from './random.ts';

/** A defect is where a part differs from the same part without it by this much of 255. */
const VISIBLE_CHANGE = 14;

export interface DrawnFolder {
  readonly images: number;
  readonly defective: number;
}

/**
 * Draws `count` parts, half of them defective, as the JPEG that a camera would have sent: seeds `firstSeed`, `firstSeed` + 1 and so on.
 * @param onPart told after each how many there are
 */
export async function writeDrawnFolder(
  folder: string,
  count: number,
  firstSeed: number,
  onPart: (done: number) => void,
): Promise<DrawnFolder> {
  await Promise.all(['ok', 'ng', 'masks'].map((name) => mkdir(path.join(folder, name), { recursive: true })));
  const rows: string[][] = [];
  for (let index = 0; index < count; index++) {
    const seed = firstSeed + index;
    const { defect, jpeg, mask } = await takePart(seed);
    const isDefective = defect !== 'none';
    const image = `${isDefective ? 'ng' : 'ok'}/${isDefective ? defect : 'good'}-${seed}.jpg`;
    await writeFile(path.join(folder, image), jpeg);
    if (mask !== null) await writeFile(path.join(folder, `masks/${seed}.png`), mask);
    const label = isDefective ? [image, 'NG', defect] : [image, 'OK', 'good'];
    rows.push([...label, `part-${seed}`, mask === null ? '' : `masks/${seed}.png`]);
    onPart(index + 1);
  }
  await writeFile(
    path.join(folder, 'manifest.csv'),
    stringify([['image', 'label', 'class', 'group', 'mask'], ...rows]),
  );
  return { images: count, defective: rows.filter(([, label]) => label === 'NG').length };
}

async function takePart(seed: number): Promise<{ defect: Defect; jpeg: Uint8Array; mask: Uint8Array | null }> {
  const random = randomFrom(seed ^ 0x2545f491);
  const defect = random() < 0.5 ? 'none' : (DEFECTS[Math.floor(random() * DEFECTS.length)] ?? 'scratch');
  const quality = 80 + Math.floor(random() * 16);
  const pixels = drawPart(seed, defect);
  const mask = defect === 'none' ? null : await encodeMask(changedPixels(pixels, drawPart(seed, 'none')), PART_SIZE);
  return { defect, jpeg: await encodeJpeg(pixels, PART_SIZE, quality), mask };
}

/** uint8 [H, W] of two uint8 [H, W, 3]: 255 where any channel differs visibly, else 0. */
function changedPixels(pixels: Uint8Array, clean: Uint8Array): Uint8Array {
  const mask = new Uint8Array(pixels.length / 3);
  for (let i = 0; i < pixels.length; i++) {
    if (Math.abs((pixels[i] ?? 0) - (clean[i] ?? 0)) >= VISIBLE_CHANGE) mask[Math.floor(i / 3)] = 255;
  }
  return mask;
}
