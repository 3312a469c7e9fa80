/** `loupe models verify-variants`: keeps the cheaper forms of a model that decide as it does. */

import type { Command } from 'commander';
import { CommandError, EXIT } from '../exit.ts';
import { numberIn } from '../options.ts';
import { showProgress } from '../progress.ts';
import type { VerifyVariantsOptions } from './verified-variants.ts';

export function registerVerifyVariants(models: Command): void {
  models
    .command('verify-variants')
    .description(
      'compare variants/int8.onnx and variants/fp16.onnx of a package with its model.onnx, keep those that decide alike, note them in its manifest',
    )
    .argument('<package>', 'folder of a package that is not in the repository yet')
    .requiredOption('--data <folder>', 'labelled folder with good and defective images that training never saw')
    .option('--max-auroc-drop <n>', 'most that the area under the ROC curve may lose', numberIn(0, 1), 0.002)
    .option(
      '--max-new-escapes <share>',
      'most defective images that may pass with the variant only',
      numberIn(0, 1),
      0.005,
    )
    .option('--json', 'print one line of JSON')
    .action(async (folder: string, options: VerifyVariantsOptions) => {
      const { textOf, verifyVariants } = await import('./verified-variants.ts');
      const { LabelledFolderError } = await import('../../training/labelled-folder.ts');
      const { ModelPackageError } = await import('../../model-repository/package.ts');
      const bar = showProgress('images', options.json !== true);
      try {
        const outcome = await verifyVariants(folder, options, bar);
        bar.stop();
        process.stdout.write(options.json === true ? `${JSON.stringify(outcome)}\n` : textOf(outcome));
      } catch (error) {
        const isTheirs = error instanceof LabelledFolderError || error instanceof ModelPackageError;
        throw isTheirs ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      } finally {
        bar.stop();
      }
    });
}
