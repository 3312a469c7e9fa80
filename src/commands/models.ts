/** `loupe models`: which models there are, which of them decide, and the change from one to another. */

import { type Command, InvalidArgumentError } from 'commander';
import type { ModelControl } from '../frame/models.ts';
import { registerInspect } from './models/inspect.ts';
import { registerShadow } from './models/shadow.ts';
import { registerVerifyVariants } from './models/verify-variants.ts';
import { addWhereOptions as where, type WhereOptions } from './options.ts';

interface NamedModel {
  readonly name: string;
  readonly version: string | null;
}

export function registerModels(program: Command): void {
  const models = program
    .command('models')
    .description('list, inspect, add, activate, roll back and remove models')
    .addHelpText(
      'after',
      '\nWith --http against a running service; without, on the folders of the configuration while no service runs.',
    );

  where(models.command('list').description('every package, and which recipes it decides for')).action(
    (options: WhereOptions) => run(options, 'read', (control) => control.list(), 'list'),
  );

  where(models.command('describe').description('one package in full'))
    .argument('<model>', 'NAME or NAME/VERSION (default: the highest)', modelFrom)
    .action((model: NamedModel, options: WhereOptions) =>
      run(options, 'read', (control) => control.describe(model.name, model.version), 'description'),
    );

  where(models.command('golden').description('how a model does on its golden images, on this machine'))
    .argument('<model>', 'NAME or NAME/VERSION (default: the highest)', modelFrom)
    .action((model: NamedModel, options: WhereOptions) =>
      run(options, 'read', (control) => control.goldenReport(model.name, model.version), 'golden'),
    );

  where(models.command('history').description('who activated what, and when')).action((options: WhereOptions) =>
    run(options, 'read', (control) => control.activations(), 'history'),
  );

  where(
    models
      .command('activate')
      .description('put a model to work: proven first, then switched; on any failure the old one serves on'),
  )
    .argument('<model>', 'NAME or NAME/VERSION (default: the highest)', modelFrom)
    .option('--recipe <id>', 'for this recipe (default: every recipe that is configured with the model)')
    .action((model: NamedModel, options: WhereOptions & { recipe?: string }) => {
      const request = { ...model, recipe: options.recipe ?? null };
      return run(options, 'change', (control, by) => control.activate(request, by), 'activated');
    });

  where(models.command('rollback').description('go back to the model that decided before'))
    .option('--recipe <id>', 'for this recipe (default: the only one)')
    .action((options: WhereOptions & { recipe?: string }) =>
      run(options, 'change', (control, by) => control.rollback(options.recipe ?? null, by), 'activated'),
    );

  where(
    models
      .command('add')
      .description('take a package in: checked and proven in an engine first; changes nothing at work'),
  )
    .argument('<dir>', 'folder with model.onnx, manifest.json and golden/')
    .action((folder: string, options: WhereOptions) =>
      run(options, 'add', (control, by) => control.add(folder, by), 'added'),
    );

  where(models.command('remove').description('delete a package that decides for no recipe'))
    .argument('<model>', 'NAME/VERSION', exactModelFrom)
    .action((model: { name: string; version: string }, options: WhereOptions) =>
      run(options, 'change', (control, by) => control.remove(model.name, model.version, by), 'removed'),
    );

  registerShadow(models, modelFrom);
  registerInspect(models);
  registerVerifyVariants(models);
}

type Work<T> = (control: ModelControl, by: string) => Promise<T>;

async function run<T>(
  options: WhereOptions,
  need: 'read' | 'add' | 'change',
  work: Work<T>,
  shownAs: 'list' | 'description' | 'golden' | 'history' | 'activated' | 'added' | 'removed',
): Promise<void> {
  // Loaded when asked for: engines and codecs take a second that `--help` need not wait.
  const { withControls } = await import('./controls.ts');
  const { show } = await import('./models/show.ts');
  const outcome = await withControls(options, need, ({ models }, by) => work(models, by));
  process.stdout.write(options.json === true ? `${JSON.stringify(outcome ?? {})}\n` : show(shownAs, outcome));
}

function modelFrom(text: string): NamedModel {
  const [name = '', version = null, ...more] = text.split('/');
  if (name === '' || version === '' || more.length > 0) throw new InvalidArgumentError('expected NAME or NAME/VERSION');
  return { name, version };
}

function exactModelFrom(text: string): { name: string; version: string } {
  const { name, version } = modelFrom(text);
  if (version === null) throw new InvalidArgumentError('expected NAME/VERSION');
  return { name, version };
}
