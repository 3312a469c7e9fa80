/** `loupe evaluate`: what a model is worth on a labelled folder. */

import { type Command, Option } from 'commander';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions, numberIn } from './options.ts';
import { showProgress } from './progress.ts';
import type { EvaluateOptions } from './evaluate/run-evaluation.ts';

const share = numberIn(0, 1);

export function registerEvaluate(program: Command): void {
  addConfigOptions(
    program.command('evaluate').description('measure a model on a labelled folder, through the engines that serve'),
  )
    .requiredOption('--model <name|dir>', 'model below models.path (NAME or NAME/VERSION), or the folder of a package')
    .requiredOption(
      '--data <folder>',
      'labelled folder: ok/, ng/, optional manifest.csv (image,label,class,group[,mask])',
    )
    .option('--train <folder>', 'what the model was trained on: looks for leaks, and fits the pixel baseline beside it')
    .option('--scores <file>', 'write file,label,probability,verdict of every image as CSV')
    .option('--report <file>', 'write one self-contained HTML page')
    .option('--pass-below <p>', "cut instead of the package's own", share)
    .option('--fail-above <p>', "cut instead of the package's own", share)
    .option('--cost-ratio <n>', 'how many false rejects one escape costs, for the cost curve', numberIn(0, 1e6), 100)
    .option(
      '--max-escapes <share>',
      'of the defective images: the report names the cheapest model that meets it',
      share,
      0.02,
    )
    .option('--beside <model...>', 'other models, measured on the same images for the report: accuracy against cost')
    .addOption(new Option('--provider <name>', 'where to run').choices(['auto', 'cpu', 'cuda']).default('cpu'))
    .option('--variant <name>', 'measure this cheaper form of the model (default: model.onnx itself)')
    .option('--json', 'print one line of JSON')
    .action(async (options: EvaluateOptions & ConfigOptions & { json?: true }) => {
      const config = await configFrom(options);
      const { runEvaluation, textOf } = await import('./evaluate/run-evaluation.ts');
      const { LabelledFolderError } = await import('../training/labelled-folder.ts');
      const { ModelPackageError } = await import('../model-repository/package.ts');
      const { ProviderUnavailableError } = await import('../engine/pool.ts');
      const bar = showProgress('images', options.json !== true);
      try {
        const { summary } = await runEvaluation(options, config.models.path, bar);
        bar.stop();
        process.stdout.write(options.json === true ? `${JSON.stringify(summary)}\n` : textOf(summary));
      } catch (error) {
        const isTheirs =
          error instanceof LabelledFolderError ||
          error instanceof ModelPackageError ||
          error instanceof ProviderUnavailableError;
        throw isTheirs ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      } finally {
        bar.stop();
      }
    });
}
