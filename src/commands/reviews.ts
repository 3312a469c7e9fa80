/** `loupe reviews`: what people judged, as a folder that `loupe teach` and `loupe evaluate` read. */

import type { Command } from 'commander';
import { CommandError, EXIT } from './exit.ts';

interface ExportOptions {
  readonly store: string;
  readonly to: string;
  readonly camera?: string;
  readonly recipe?: string;
  readonly json?: boolean;
}

export function registerReviews(program: Command): void {
  program
    .command('reviews')
    .description('what people said about results')
    .command('export')
    .description('copy every picture that was judged good or defective into a labelled folder (ok/, ng/, manifest.csv)')
    .requiredOption('--store <dir>', 'the store folder, in use or not')
    .requiredOption('--to <folder>', 'the folder to make; must be empty or not exist')
    .option('--camera <id>', 'only of this camera')
    .option('--recipe <id>', 'only of this recipe')
    .option('--json', 'print one line of JSON')
    .action(async ({ store, to, camera, recipe, json }: ExportOptions) => {
      const { exportJudged } = await import('./reviews/export-folder.ts');
      const { StoreRefusedError } = await import('../record/database.ts');
      const filter = { camera: camera ?? null, recipe: recipe ?? null };
      const report = await exportJudged(store, to, filter).catch((error: unknown) => {
        const isOfDisk = error instanceof Error && 'code' in error && 'syscall' in error;
        if (!(error instanceof StoreRefusedError) && !isOfDisk) throw error;
        throw new CommandError(EXIT.failed, error.message, { cause: error });
      });
      const { ok, ng, notKept, rawPixels, damaged } = report;
      const left = [
        [notKept, 'without a picture (not kept, or taken by retention)'],
        [rawPixels, 'of raw pixels, which no labelled folder holds'],
        [damaged, 'whose picture is not the one that was judged'],
      ] as const;
      const text = [
        `${to}: ${ok} good, ${ng} defective`,
        ...left.filter(([count]) => count > 0).map(([count, why]) => `left out: ${count} ${why}`),
      ];
      process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : `${text.join('\n')}\n`);
      if (damaged > 0) throw new CommandError(EXIT.failed, `${damaged} pictures are damaged; loupe verify names them`);
      if (ok + ng === 0) throw new CommandError(EXIT.failed, 'nothing that was judged could be exported');
    });
}
