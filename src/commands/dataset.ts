/** `loupe dataset`: labelled images to draw, and to pack for training. */

import { type Command, Option } from 'commander';
import { FIRST_DEMO_SEED } from '../demo/part-stream.ts';
import type { Wanted } from '../engine/decode.ts';
import { CommandError, EXIT } from './exit.ts';
import { numberIn } from './options.ts';
import { showProgress } from './progress.ts';

interface PackOptions extends Omit<Wanted, 'width' | 'height'> {
  readonly data: string;
  readonly width?: number;
  readonly height?: number;
  readonly out: string;
  readonly json?: true;
}

interface DrawOptions {
  readonly out: string;
  readonly count: number;
  readonly seed: number;
  readonly json?: true;
}

const edge = numberIn(8, 4096, true);

export function registerDataset(program: Command): void {
  const dataset = program.command('dataset').description('labelled images for training, drawn or packed');
  dataset
    .command('draw')
    .description(
      'draw the labelled folder that the model of `loupe demo` is trained on: ok/, ng/, masks/, manifest.csv',
    )
    .requiredOption('--out <folder>', 'where to write; made if it is not there')
    .option('--count <n>', 'parts to draw, half of them defective', numberIn(2, FIRST_DEMO_SEED / 2, true), 8000)
    .option('--seed <n>', 'seed of the first part; part k has seed + k', numberIn(0, FIRST_DEMO_SEED / 2 - 1, true), 0)
    .option('--json', 'print what was written as JSON')
    .action(draw);
  dataset
    .command('pack')
    .description(
      'pack a labelled folder (ok/, ng/, optional manifest.csv) through the decode and resize of serving: pixels.bin, masks.bin, labels.csv, dataset.json',
    )
    .requiredOption('--data <folder>', 'labelled folder; manifest.csv has image,label,class,group[,mask]')
    .requiredOption('--out <folder>', 'where to write; made if it is not there')
    .option('--width <pixels>', 'width of the packed images (default: by the images, 320 at most)', edge)
    .option('--height <pixels>', 'height of the packed images (default: by the images, 320 at most)', edge)
    .addOption(new Option('--colour <order>', 'channels').choices(['RGB', 'BGR', 'GREY']).default('RGB'))
    .addOption(new Option('--fit <fit>', 'how to fit').choices(['fill', 'contain', 'cover']).default('fill'))
    .addOption(
      new Option('--kernel <kernel>', 'resize kernel')
        .choices(['nearest', 'linear', 'cubic', 'lanczos3'])
        .default('linear'),
    )
    .option('--json', 'print what was written as JSON')
    .action(pack);
}

async function draw(options: DrawOptions): Promise<void> {
  const { writeDrawnFolder } = await import('../demo/drawn-folder.ts');
  const bar = showProgress('parts', options.json !== true);
  try {
    bar.start(options.count);
    const drawn = await writeDrawnFolder(options.out, options.count, options.seed, (done) => bar.update(done));
    bar.stop();
    print(drawn, options.json === true, `${drawn.images} parts (${drawn.defective} NG) in ${options.out}`);
  } finally {
    bar.stop();
  }
}

async function pack(options: PackOptions): Promise<void> {
  const { data, out, colour, fit, kernel } = options;
  const { LabelledFolderError, readLabelledFolder } = await import('../training/labelled-folder.ts');
  const { packFolder } = await import('../training/packing.ts');
  const { folderPixels, sizesIn } = await import('./training/folder-pixels.ts');
  const { inputSizeOf } = await import('../training/input-size.ts');
  const bar = showProgress('images', options.json !== true);
  try {
    const folder = await readLabelledFolder(data);
    const size = inputSizeOf(await sizesIn(folder));
    const wanted = { width: options.width ?? size.width, height: options.height ?? size.height, colour, fit, kernel };
    bar.start(folder.images.length);
    const meta = await packFolder(folder, out, folderPixels(data, wanted), wanted, (done) => bar.update(done));
    bar.stop();
    const text = `${meta.count} images of ${meta.width}x${meta.height} pixels (${meta.ng} NG, ${meta.groups} groups) in ${out}, fingerprint ${meta.sha256}`;
    print(meta, options.json === true, text);
  } catch (error) {
    throw error instanceof LabelledFolderError ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
  } finally {
    bar.stop();
  }
}

function print(value: unknown, asJson: boolean, text: string): void {
  process.stdout.write(`${asJson ? JSON.stringify(value) : text}\n`);
}
