/** `loupe models shadow`: a candidate beside the model that decides, in a running service. */

import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { Disagreement, ShadowState } from '../../frame/shadows.ts';
import { CommandError, EXIT } from '../exit.ts';
import { addWhereOptions, type WhereOptions } from '../options.ts';

interface ShadowOptions extends WhereOptions {
  readonly recipe?: string;
  readonly stop?: true;
  readonly last: number;
}

interface Named {
  readonly name: string;
  readonly version: string | null;
}

export function registerShadow(models: Command, modelFrom: (text: string) => Named): void {
  addWhereOptions(
    models
      .command('shadow')
      .description('let a candidate score live frames beside the model that decides; without one: how those there do'),
  )
    .argument('[model]', 'NAME or NAME/VERSION (default: the highest)', modelFrom)
    .option('--recipe <id>', 'beside this recipe (default: the only one that is configured with the model)')
    .option('--stop', 'take the candidate away')
    .option('--last <n>', 'disagreements to show', countFrom, 10)
    .action(run);
}

async function run(model: Named | undefined, options: ShadowOptions): Promise<void> {
  if (options.http === undefined) {
    throw new CommandError(EXIT.usage, 'a shadow needs live frames: say which running service with --http URL');
  }
  if (model !== undefined && options.stop === true) {
    throw new CommandError(EXIT.usage, 'expected a model to start, or --stop with --recipe; not both');
  }
  const { withApi } = await import('../asked-service.ts');
  const { HttpShadows } = await import('../../client/http-shadows.ts');
  await withApi(options, async (api) => {
    const shadows = new HttpShadows(api);
    if (model !== undefined) {
      const { recipe = null } = options;
      const state = await shadows.start({ ...model, recipe }, userInfo().username);
      print(options, state, () => `${lineOf(state)}\n`);
      return;
    }
    const there = await shadows.list();
    const wanted = there.filter(({ recipe }) => options.recipe === undefined || recipe === options.recipe);
    if (options.stop === true) {
      const [only] = wanted;
      if (only === undefined || wanted.length > 1) {
        const said = wanted.map(({ recipe }) => recipe).join(', ');
        throw new CommandError(EXIT.failed, wanted.length === 0 ? 'there is no such shadow' : `say --recipe: ${said}`);
      }
      const state = await shadows.stop(only.recipe, userInfo().username);
      print(options, state, () => `stopped: ${lineOf(state)}\n`);
      return;
    }
    const found = await Promise.all(
      wanted.map(async (state) => ({
        ...state,
        disagreements: await shadows.disagreements(state.recipe, options.last),
      })),
    );
    print(options, found, () =>
      found.length === 0
        ? 'no shadows\n'
        : found
            .map((one) => `${lineOf(one)}\n${one.disagreements.map((each) => `  ${differ(each)}\n`).join('')}`)
            .join(''),
    );
  });
}

function print(options: ShadowOptions, value: unknown, text: () => string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value)}\n` : text());
}

function lineOf({ recipe, model, since, counts, down }: ShadowState): string {
  const compared = counts.agreed + counts.disagreed + counts.failed;
  const share = compared === 0 ? '' : ` (${((100 * counts.agreed) / compared).toFixed(1)} %)`;
  return (
    `${model.name}/${model.version} beside recipe ${recipe} since ${new Date(since).toISOString()}: ` +
    `agreed ${counts.agreed}${share}, disagreed ${counts.disagreed}, could not score ${counts.failed}, ` +
    `skipped ${counts.skipped}${down === null ? '' : `; not at work: ${down}`}`
  );
}

function differ({ receivedAt, cameraId, frameId, active, candidate, resultId }: Disagreement): string {
  const said = ({ verdict, probability }: Disagreement['active']) =>
    `${verdict}${probability === null ? '' : ` ${probability.toFixed(3)}`}`;
  return `${new Date(receivedAt).toISOString()} ${cameraId}/${frameId}: ${said(active)}, candidate ${said(candidate)} (${resultId})`;
}

function countFrom(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 500) throw new InvalidArgumentError('expected 1 to 500');
  return count;
}
