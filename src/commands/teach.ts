/** `loupe teach`: a model for a new product out of few labelled images, on this machine, without Python. */

import { type Command, InvalidArgumentError } from 'commander';
import { CommandError, EXIT } from './exit.ts';
import { addWhereOptions, numberIn, type WhereOptions } from './options.ts';
import { showProgress } from './progress.ts';
import type { TeachOptions } from './teach/run-teaching.ts';

const share = numberIn(0, 1);

/** The backbone halves its maps four times. */
function edgeFrom(text: string): number {
  const edge = numberIn(64, 512, true)(text);
  if (edge % 16 !== 0) throw new InvalidArgumentError('expected a multiple of 16');
  return edge;
}

function imagesFrom(text: string): number | 'all' {
  return text === 'all' ? text : numberIn(5, 10_000, true)(text);
}

export function registerTeach(program: Command): void {
  addWhereOptions(
    program
      .command('teach')
      .description('teach a model for a new product: the shipped backbone and logistic regression, on this machine'),
  )
    .requiredOption(
      '--data <folder>',
      'labelled folder: ok/, ng/, optional manifest.csv (image,label,class,group[,mask])',
    )
    .option('--out <dir>', 'package to write, MODELS/NAME/VERSION; a version that is there is never changed')
    .option('--edge <pixels>', 'longer edge of the input (default: by the size of the images)', edgeFrom)
    .option('--no-turns', 'learn no image turned, though good parts lie so: where one that is turned is a defect')
    .option('--max-escapes <share>', 'share of defective images that may pass', share, 0.02)
    .option('--max-false-rejects <share>', 'share of good images that may fail', share, 0.02)
    .option(
      '--curve',
      'also teach on a quarter and on half of the parts: would more images help? About twice the time of the fits',
    )
    .option('--measure', 'write nothing: teach on few images again and again, measure on parts not taught')
    .option(
      '--images <n>',
      'with --measure: images of each class to teach, or "all": those of four fifths of the parts, five times',
      imagesFrom,
      30,
    )
    .option('--draws <n>', 'with --measure: how often a number of images is drawn', numberIn(1, 100, true), 8)
    .option(
      '--activate',
      'put the model to work once it is written, at --http, or on the folders of --models and --store',
    )
    .option(
      '--recipe <id>',
      'with --activate: for this recipe (default: every recipe that is configured with the model)',
    )
    .action(async (options: TeachOptions & WhereOptions) => {
      const { measuredText, runMeasuring, runTeaching, textOf } = await import('./teach/run-teaching.ts');
      const { LabelledFolderError } = await import('../training/labelled-folder.ts');
      const { TooLittleError } = await import('../training/teaching.ts');
      const bar = showProgress('images', options.json !== true);
      try {
        if (options.measure === true) {
          const found = await runMeasuring(options, bar);
          process.stdout.write(`${options.json === true ? JSON.stringify(found) : measuredText(found)}\n`);
          return;
        }
        const taught = await runTeaching(options, bar);
        bar.stop();
        process.stdout.write(options.json === true ? `${JSON.stringify(taught)}\n` : textOf(taught));
      } catch (error) {
        const isTheirs = error instanceof LabelledFolderError || error instanceof TooLittleError;
        throw isTheirs ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      } finally {
        bar.stop();
      }
    });
}
