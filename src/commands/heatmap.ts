/** `loupe heatmap`: where in a picture a model sees the defect. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../errors.ts';
import type { HeatMap } from '../frame/heat-map.ts';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions } from './options.ts';

const SHADES = ' .:-=+*#%@';
const TIMEOUT_MS = 120_000;

export function registerHeatMap(program: Command): void {
  addConfigOptions(
    program.command('heatmap').description('show where in a picture a model sees the defect, as a grid of cells'),
  )
    .argument('<file>', 'an image file')
    .requiredOption('--model <name|dir>', 'model below models.path (NAME or NAME/VERSION), or the folder of a package')
    .option('--json', 'print one line of JSON')
    .action(async (file: string, options: ConfigOptions & { model: string; json?: true }) => {
      const config = await configFrom(options);
      const { inForm } = await import('../engine/contract.ts');
      const { packageOf } = await import('./named-package.ts');
      const { ModelPackageError } = await import('../model-repository/package.ts');
      const { Explainer, ExplainerFailedError } = await import('../engine/explainer.ts');
      const limits = { maxPixels: config.limits.pixels, startTimeoutMs: TIMEOUT_MS, timeoutMs: TIMEOUT_MS };
      const explainer = new Explainer({ ...limits, idleMs: TIMEOUT_MS, maxWaiting: 1 });
      try {
        const { engineModel } = await packageOf(options.model, config.models.path);
        // Of the model itself: a cheaper variant may be taken on another machine.
        const model = inForm(engineModel, null) ?? engineModel;
        const bytes = await readFile(file).catch((error: unknown) => {
          throw new CommandError(EXIT.failed, `${file}: ${messageOf(error)}`);
        });
        const explained = await explainer.explain(
          { model, image: { kind: 'encoded', bytes }, roi: null, wantsMap: true },
          true,
        );
        if (explained.kind === 'faulted') {
          throw new CommandError(EXIT.failed, `${file}: ${explained.reason}: ${explained.detail}`);
        }
        const { heatMap } = explained;
        if (heatMap === null) throw new Error('a heat map was asked for and none came');
        process.stdout.write(options.json === true ? `${JSON.stringify(heatMap)}\n` : textOf(heatMap));
      } catch (error) {
        const isTheirs = error instanceof ModelPackageError || error instanceof ExplainerFailedError;
        throw isTheirs ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      } finally {
        explainer.stop();
      }
    });
}

/** Two characters per cell, which is about square in a terminal. */
function textOf({ method, probability, columns, rows, values }: HeatMap): string {
  const lines = Array.from({ length: rows }, (_, row) =>
    values
      .slice(row * columns, (row + 1) * columns)
      .map((value) => (SHADES[Math.min(SHADES.length - 1, Math.floor(value * SHADES.length))] ?? ' ').repeat(2))
      .join(''),
  );
  return `probability ${probability}, ${method}, ${columns}x${rows} cells\n${lines.map((line) => `|${line}|`).join('\n')}\n`;
}
