/** Drawn parts as a training set: the JPEG a camera would have sent, through the engine's own decode and resize. */

import { decode, type Wanted } from '../engine/decode.ts';
import { MASK_CELLS } from '../training/packing.ts';
import { type PackedDataset, PackWriter } from '../training/pack-writer.ts';
import { DEFECTS, type Defect } from './defect.ts';
import { encodeJpeg } from './jpeg.ts';
import { drawPart, PART_SIZE } from './part.ts';
import { randomFrom } from './random.ts';

/** What the shipped model is taught on; its manifest says the same to the engine. */
const WANTED: Wanted = { width: 128, height: 128, colour: 'RGB', fit: 'fill', kernel: 'linear' };
const MAX_PIXELS = 1 << 24;

interface TakenPart {
  readonly defect: Defect;
  /** What a camera would have sent. */
  readonly jpeg: Uint8Array;
  /** uint8 [MASK_CELLS, MASK_CELLS]: how far the defect changed the brightest-changed pixel of each cell. */
  readonly mask: Uint8Array;
}

/** Draws `count` parts, half of them defective, and packs them: seeds `firstSeed`, `firstSeed` + 1 and so on. */
export async function writeDrawnDataset(folder: string, count: number, firstSeed: number): Promise<PackedDataset> {
  const writer = new PackWriter(folder);
  await writer.start();
  for (let index = 0; index < count; index++) {
    const { defect, jpeg, mask } = await takePart(firstSeed + index);
    await writer.add(await pixelsOf(jpeg, WANTED), mask, [firstSeed + index, defect]);
  }
  return writer.finish(['seed', 'defect'], { firstSeed, ...WANTED, maskCells: MASK_CELLS });
}

export async function pixelsOf(jpeg: Uint8Array, want: Wanted): Promise<Uint8Array> {
  const decoding = await decode({ kind: 'encoded', bytes: jpeg }, want, null, { maxPixels: MAX_PIXELS });
  if (!decoding.ok) throw new Error(`a drawn part cannot be decoded: ${decoding.detail}`);
  return decoding.pixels;
}

async function takePart(seed: number): Promise<TakenPart> {
  const random = randomFrom(seed ^ 0x2545f491);
  const defect = random() < 0.5 ? 'none' : (DEFECTS[Math.floor(random() * DEFECTS.length)] ?? 'scratch');
  const quality = 80 + Math.floor(random() * 16);
  const pixels = drawPart(seed, defect);
  const mask = new Uint8Array(MASK_CELLS * MASK_CELLS);
  if (defect !== 'none') {
    const clean = drawPart(seed, 'none');
    const edge = PART_SIZE / MASK_CELLS;
    for (let i = 0; i < pixels.length; i++) {
      const pixel = Math.floor(i / 3);
      const row = Math.floor(Math.floor(pixel / PART_SIZE) / edge);
      const cell = row * MASK_CELLS + Math.floor((pixel % PART_SIZE) / edge);
      mask[cell] = Math.max(mask[cell] ?? 0, Math.abs((pixels[i] ?? 0) - (clean[i] ?? 0)));
    }
  }
  return { defect, jpeg: await encodeJpeg(pixels, PART_SIZE, quality), mask };
}
