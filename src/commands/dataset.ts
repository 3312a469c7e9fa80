/** Drawn parts for training, and the golden images of a package: both through the pixels' one road, engine/decode. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { DEFECTS, type Defect } from '../demo/defect.ts';
import { encodeJpeg } from '../demo/jpeg.ts';
import { drawPart, PART_SIZE } from '../demo/part.ts';
import { FIRST_DEMO_SEED } from '../demo/part-stream.ts';
import { randomFrom } from '../demo/random.ts';
import { decode, type Wanted } from '../engine/decode.ts';
import { Session } from '../engine/session.ts';
import { type Manifest, manifestSchema } from '../model-repository/manifest.ts';
import { CommandError, EXIT } from './exit.ts';
import { numberIn } from './options.ts';

/** What the shipped model is taught on; its manifest says the same to the engine. */
const WANTED: Wanted = { width: 128, height: 128, colour: 'RGB', fit: 'fill', kernel: 'linear' };
const MAX_PIXELS = 1 << 24;
/** Cells of masks.bin along each edge; one covers 20x20 drawn pixels. */
const MASK_CELLS = 16;
const GOLDEN: readonly (readonly [Defect, number])[] = [
  ['none', 900_001],
  ['none', 900_002],
  ['none', 900_003],
  ['scratch', 900_004],
  ['crack', 900_005],
  ['dent', 900_006],
  ['stain', 900_007],
];

export function registerDataset(program: Command): void {
  program
    .command('dataset')
    .description(
      'draw labelled parts and pack their pixels for training (pixels.bin, masks.bin, labels.csv, dataset.json)',
    )
    .requiredOption('--out <folder>', 'where to write; made if it is not there')
    .option('--count <n>', 'parts to draw, half of them defective', numberIn(2, FIRST_DEMO_SEED / 2, true), 8000)
    .option('--seed <n>', 'seed of the first part; part k has seed + k', numberIn(0, FIRST_DEMO_SEED / 2 - 1, true), 0)
    .option('--json', 'print what was written as JSON')
    .action(async (options: { out: string; count: number; seed: number; json?: true }) => {
      const meta = await writeDataset(options.out, options.count, options.seed);
      print(meta, options.json === true, `${meta.count} parts in ${options.out}, fingerprint ${meta.sha256}`);
    });
  program
    .command('golden <package>')
    .description('draw the golden images of a drawn-parts model and record the scores that the serving path gives them')
    .option('--json', 'print the recorded scores as JSON')
    .action(async (folder: string, options: { json?: true }) => {
      const golden = await recordGolden(folder);
      const lines = golden.map(({ file, probability }) => `${file}  ${probability.toFixed(6)}`);
      print({ golden }, options.json === true, lines.join('\n'));
    });
}

interface TakenPart {
  readonly defect: Defect;
  /** What a camera would have sent. */
  readonly jpeg: Uint8Array;
  /** uint8 [MASK_CELLS, MASK_CELLS]: how far the defect changed the brightest-changed pixel of each cell. */
  readonly mask: Uint8Array;
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

async function pixelsOf(jpeg: Uint8Array, want: Wanted): Promise<Uint8Array> {
  const decoding = await decode({ kind: 'encoded', bytes: jpeg }, want, null, { maxPixels: MAX_PIXELS });
  if (!decoding.ok) throw new Error(`a drawn part cannot be decoded: ${decoding.detail}`);
  return decoding.pixels;
}

async function writeDataset(folder: string, count: number, firstSeed: number) {
  await mkdir(folder, { recursive: true });
  const pixels = createWriteStream(path.join(folder, 'pixels.bin'));
  const masks = createWriteStream(path.join(folder, 'masks.bin'));
  const hash = createHash('sha256');
  const labels = ['index,seed,defect'];
  for (let index = 0; index < count; index++) {
    const { defect, jpeg, mask } = await takePart(firstSeed + index);
    const packed = await pixelsOf(jpeg, WANTED);
    hash.update(packed);
    if (!pixels.write(packed)) await once(pixels, 'drain');
    masks.write(mask);
    labels.push(`${index},${firstSeed + index},${defect}`);
  }
  pixels.end();
  masks.end();
  await Promise.all([finished(pixels), finished(masks)]);
  const meta = {
    schema: 'loupe.dataset/1',
    count,
    firstSeed,
    // Shape of pixels.bin: uint8 [count, height, width, 3], RGB.
    ...WANTED,
    // Shape of masks.bin: uint8 [count, maskCells, maskCells].
    maskCells: MASK_CELLS,
    /** SHA-256 of pixels.bin. */
    sha256: hash.digest('hex'),
  };
  await writeFile(path.join(folder, 'labels.csv'), `${labels.join('\n')}\n`);
  await writeFile(path.join(folder, 'dataset.json'), `${JSON.stringify(meta, null, 2)}\n`);
  return meta;
}

/** Draws the golden parts into `<folder>/golden`, scores them on the CPU as an engine would, and rewrites the manifest. */
async function recordGolden(folder: string): Promise<Manifest['golden']> {
  const file = path.join(folder, 'manifest.json');
  let manifest: Manifest;
  try {
    manifest = manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new CommandError(EXIT.failed, `${file}: ${error instanceof Error ? error.message : String(error)}`);
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

function print(value: unknown, asJson: boolean, text: string): void {
  process.stdout.write(`${asJson ? JSON.stringify(value) : text}\n`);
}
