/** `loupe dataset`: labelled images, drawn or photographed, to packed pixels; and `loupe golden`. */

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

const edge = numberIn(8, 4096, true);

export function registerDataset(program: Command): void {
  const dataset = program
    .command('dataset')
    .description('labelled images to packed pixels for training: pixels.bin, masks.bin, labels.csv, dataset.json');
  dataset
    .command('draw')
    .description('draw the labelled parts that the shipped model is trained on')
    .requiredOption('--out <folder>', 'where to write; made if it is not there')
    .option('--count <n>', 'parts to draw, half of them defective', numberIn(2, FIRST_DEMO_SEED / 2, true), 8000)
    .option('--seed <n>', 'seed of the first part; part k has seed + k', numberIn(0, FIRST_DEMO_SEED / 2 - 1, true), 0)
    .option('--json', 'print what was written as JSON')
    .action(async (options: { out: string; count: number; seed: number; json?: true }) => {
      const { writeDrawnDataset } = await import('../demo/drawn-dataset.ts');
      const meta = await writeDrawnDataset(options.out, options.count, options.seed);
      print(meta, options.json === true, `${meta.count} parts in ${options.out}, fingerprint ${meta.sha256}`);
    });
  dataset
    .command('pack')
    .description('pack a labelled folder (ok/, ng/, optional manifest.csv) through the decode and resize of serving')
    .requiredOption('--data <folder>', 'labelled folder; manifest.csv has image,label,class,group[,mask]')
    .requiredOption('--out <folder>', 'where to write; made if it is not there')
    .option('--width <pixels>', 'width of the packed images (default: by the images, 224 at most)', edge)
    .option('--height <pixels>', 'height of the packed images (default: by the images, 224 at most)', edge)
    .addOption(new Option('--colour <order>', 'channels').choices(['RGB', 'BGR', 'GREY']).default('RGB'))
    .addOption(new Option('--fit <fit>', 'how to fit').choices(['fill', 'contain', 'cover']).default('fill'))
    .addOption(
      new Option('--kernel <kernel>', 'resize kernel')
        .choices(['nearest', 'linear', 'cubic', 'lanczos3'])
        .default('linear'),
    )
    .option('--json', 'print what was written as JSON')
    .action(pack);
  program
    .command('golden <package>')
    .description('draw the golden images of a drawn-parts model and record the scores that the serving path gives them')
    .option('--json', 'print the recorded scores as JSON')
    .action(async (folder: string, options: { json?: true }) => {
      const { NoPackageError, recordGolden } = await import('../demo/golden-images.ts');
      const golden = await recordGolden(folder).catch((error: unknown) => {
        throw error instanceof NoPackageError ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      });
      const lines = golden.map(({ file, probability }) => `${file}  ${probability.toFixed(6)}`);
      print({ golden }, options.json === true, lines.join('\n'));
    });
}

async function pack(options: PackOptions): Promise<void> {
  const { data, out, colour, fit, kernel } = options;
  const { LabelledFolderError, readLabelledFolder } = await import('../training/labelled-folder.ts');
  const { packFolder } = await import('../training/packing.ts');
  const { folderPixels, sizeFor } = await import('./training/folder-pixels.ts');
  const bar = showProgress('images', options.json !== true);
  try {
    const folder = await readLabelledFolder(data);
    const size = await sizeFor(data, folder);
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
