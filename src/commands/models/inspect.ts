/** `loupe models inspect`: reads an ONNX file made elsewhere and, once every question is answered, makes a package of it. */

import { Command, InvalidArgumentError } from 'commander';
import { CommandError, EXIT } from '../exit.ts';
import type { GoldenAnswer } from './inspected-model.ts';

interface InspectOptions {
  readonly set: ReadonlyMap<string, string>;
  readonly golden: readonly GoldenAnswer[];
  readonly out?: string;
  readonly json?: boolean;
}

export function registerInspect(models: Command): void {
  models
    .command('inspect')
    .description(
      'read the inputs and outputs of an ONNX file and make a package of it; nothing is guessed, what it does not say is asked',
    )
    .argument('<file>', 'model.onnx, in one file')
    .option(
      '--set <key=value>',
      'answer one question, for example input.colour=RGB (may be repeated)',
      answer,
      new Map(),
    )
    .option(
      '--golden <file=probability>',
      'an image and what it scored where the model was made, or FILE=measured for what it scores here (may be repeated)',
      golden,
      [],
    )
    .option('--out <dir>', 'write the package below this folder, as NAME/VERSION')
    .option('--json', 'print one line of JSON')
    .action(async (file: string, options: InspectOptions) => {
      const { inspectModel } = await import('./inspected-model.ts');
      const found = await inspectModel(file, options);
      if (options.json === true) process.stdout.write(`${JSON.stringify(found)}\n`);
      else process.stdout.write(textOf(file, found));
      if (found.faults.length > 0) throw new CommandError(EXIT.failed, `${file} cannot be served as it is`);
      if (options.out !== undefined && found.package === null) {
        throw new CommandError(
          EXIT.failed,
          'no package was written: answer what is asked, and give at least one --golden',
        );
      }
    });
}

interface Inspected {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly questions: readonly { readonly key: string; readonly expected: string }[];
  readonly faults: readonly string[];
  readonly package: string | null;
  readonly notes: readonly string[];
}

function textOf(file: string, { facts, questions, faults, package: written, notes }: Inspected): string {
  const lines = [`${file} says:`, ...Object.entries(facts).map(([key, value]) => `  ${key} = ${value}`)];
  if (questions.length > 0) {
    lines.push(
      'To be answered with --set KEY=VALUE:',
      ...questions.map(({ key, expected }) => `  ${key}: ${expected}`),
    );
  }
  lines.push(...faults.map((fault) => `FAULT ${fault}`), ...notes);
  if (written !== null) lines.push(`wrote ${written}; take it in with: loupe models add ${written}`);
  return `${lines.join('\n')}\n`;
}

function answer(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE');
  return new Map(before).set(text.slice(0, at), text.slice(at + 1));
}

function golden(text: string, before: readonly GoldenAnswer[]): readonly GoldenAnswer[] {
  const at = text.lastIndexOf('=');
  const said = text.slice(at + 1);
  const probability = said === 'measured' ? null : Number(said);
  if (at < 1 || said === '' || (probability !== null && !(probability >= 0 && probability <= 1))) {
    throw new InvalidArgumentError('expected FILE=PROBABILITY (0 to 1), or FILE=measured');
  }
  return [...before, { file: text.slice(0, at), probability }];
}
