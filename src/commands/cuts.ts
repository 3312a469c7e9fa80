/** `loupe cuts`: which cuts judge the frames of each recipe, and their change while the service runs. */

import CliTable from 'cli-table3';
import type { Command } from 'commander';
import type { CutChange, CutsControl, RecipeCuts } from '../frame/cuts.ts';
import { shownText } from '../frame/shown-text.ts';
import type { Cuts } from '../frame/verdict.ts';
import { addWhereOptions, numberIn, type WhereOptions } from './options.ts';

interface ChangeOptions extends WhereOptions {
  readonly reason: string;
}

export function registerCuts(program: Command): void {
  const cuts = program
    .command('cuts')
    .description('list, set and take back the cuts that turn probabilities into verdicts')
    .addHelpText(
      'after',
      '\nWith --http against a running service: at work at once. Without, on the store while no service runs.',
    );

  addWhereOptions(cuts.command('list').description('the cuts of each recipe, and where they come from')).action(
    (options: WhereOptions) => run(options, 'read', (control) => control.list(), showRecipes),
  );

  addWhereOptions(cuts.command('history').description('who changed them, when and why'))
    .option('--recipe <id>', 'only of this recipe')
    .action((options: WhereOptions & { recipe?: string }) =>
      run(options, 'read', (control) => control.history(options.recipe ?? null), showHistory),
    );

  addWhereOptions(cuts.command('set').description('judge by these cuts from now on'))
    .argument('<recipe>', 'id of the recipe')
    .argument('<pass-below>', 'below this probability: PASS', numberIn(0, 1))
    .argument('<fail-above>', 'from this probability on: FAIL; between the two: REVIEW', numberIn(0, 1))
    .requiredOption('--reason <text>', 'why; kept for ever')
    .action((recipe: string, passBelow: number, failAbove: number, options: ChangeOptions) => {
      const wish = { recipe, cuts: { passBelow, failAbove }, reason: options.reason, revision: null };
      return run(options, 'change', (control, by) => control.set(wish, by), showChanged);
    });

  addWhereOptions(cuts.command('revert').description('go back to the cuts before the change in force'))
    .argument('<recipe>', 'id of the recipe')
    .requiredOption('--reason <text>', 'why; kept for ever')
    .action((recipe: string, options: ChangeOptions) => {
      const wish = { recipe, reason: options.reason, revision: null };
      return run(options, 'change', (control, by) => control.revert(wish, by), showChanged);
    });
}

async function run<T>(
  options: WhereOptions,
  need: 'read' | 'change',
  work: (control: CutsControl, by: string) => Promise<T>,
  show: (outcome: T) => string,
): Promise<void> {
  const { withControls } = await import('./controls.ts');
  const outcome = await withControls(options, need, ({ cuts }, by) => work(cuts, by));
  process.stdout.write(options.json === true ? `${JSON.stringify(outcome)}\n` : show(outcome));
}

const SOURCES = { chosen: 'chosen', configuration: 'the configuration', model: 'as the model suggests' } as const;

const textOf = (cuts: Cuts | null) =>
  cuts === null ? 'as the model suggests' : `${cuts.passBelow} / ${cuts.failAbove}`;

function showRecipes(recipes: readonly RecipeCuts[]): string {
  return table(
    ['recipe', 'model', 'PASS below', 'FAIL from', 'from', 'signed by', 'why'],
    recipes.map(({ recipe, model, cuts, source, change }) => [
      recipe,
      `${model.name}/${model.version}`,
      String(cuts.passBelow),
      String(cuts.failAbove),
      SOURCES[source],
      shownText(change?.by ?? ''),
      shownText(change?.reason ?? ''),
    ]),
  );
}

function showHistory(changes: readonly CutChange[]): string {
  if (changes.length === 0) return 'no cuts were changed yet\n';
  return table(
    ['#', 'when', 'who', 'what', 'recipe', 'model', 'from', 'to', 'why'],
    changes.map(({ seq, at, by, kind, recipe, model, from, to, reason }) => [
      String(seq),
      new Date(at).toISOString(),
      shownText(by),
      kind,
      recipe,
      `${model.name}/${model.version}`,
      textOf(from),
      textOf(to),
      shownText(reason),
    ]),
  );
}

const showChanged = ({ recipe, model, cuts, source }: RecipeCuts): string =>
  `recipe ${recipe}, ${model.name}/${model.version}: PASS below ${cuts.passBelow}, FAIL from ${cuts.failAbove} (${SOURCES[source]})\n`;

function table(head: string[], rows: string[][]): string {
  const printed = new CliTable({ head, style: { head: [], border: [] } });
  printed.push(...rows);
  return `${printed.toString()}\n`;
}
