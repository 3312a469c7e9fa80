/** `loupe replay`: proves that stored pictures still get the verdicts that were recorded, or lists what differs. */

import { type Command, Option } from 'commander';
import { VERDICTS } from '../frame/verdict.ts';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions, numberIn, timeFrom } from './options.ts';
import { showProgress } from './progress.ts';
import type { ReplayOptions } from './replay/run-replay.ts';

const share = numberIn(0, 1);

export function registerReplay(program: Command): void {
  addConfigOptions(
    program
      .command('replay')
      .description(
        'decide stored pictures again, through the engines that serve; exit status 1 where anything differs',
      ),
  )
    .requiredOption('--store <dir>', 'the store folder (beside a running service, or a copy)')
    .option('--models <dir>', 'folder of the model packages (default: models.path)')
    .option('--model <name|dir>', 'decide with this model instead of the recorded one, and list the flips')
    .option('--pass-below <p>', "with --model: cut instead of the package's own", share)
    .option('--fail-above <p>', "with --model: cut instead of the package's own", share)
    .option('--result <id>', 'only this one')
    .option('--camera <id>', 'only of this camera')
    .option('--part <id>', 'only of this part')
    .option('--job <id>', 'only of this job')
    .addOption(new Option('--verdict <verdict>', 'only with this recorded verdict').choices(VERDICTS))
    .option('--since <time>', 'received at or after, for example 2026-11-24T06:00:00Z or 15m, 8h, 2d ago', timeFrom)
    .option('--until <time>', 'received before', timeFrom)
    .option('--limit <n>', 'at most so many rows, newest first (default: all)', numberIn(1, 100_000_000, true))
    .addOption(new Option('--provider <name>', 'where to run').choices(['auto', 'cpu', 'cuda']).default('cpu'))
    .option('--json', 'print one line of JSON')
    .action(async (options: ReplayOptions & ConfigOptions & { models?: string; json?: true }) => {
      const config = await configFrom(options);
      const { runReplay } = await import('./replay/run-replay.ts');
      const { isProven, textOf } = await import('./replay/report.ts');
      const { ModelPackageError } = await import('../model-repository/package.ts');
      const { ProviderUnavailableError } = await import('../engine/pool.ts');
      const { StoreRefusedError } = await import('../record/database.ts');
      const bar = showProgress('rows', options.json !== true);
      try {
        const report = await runReplay(options, options.models ?? config.models.path, bar);
        bar.stop();
        process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : textOf(report));
        if (!isProven(report)) throw new CommandError(EXIT.failed, '');
      } catch (error) {
        const isTheirs =
          error instanceof StoreRefusedError ||
          error instanceof ModelPackageError ||
          error instanceof ProviderUnavailableError;
        throw isTheirs ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      } finally {
        bar.stop();
      }
    });
}
