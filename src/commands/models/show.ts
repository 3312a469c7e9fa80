/** What `loupe models` prints for people. */

import CliTable from 'cli-table3';
import type { Activated, Activation, GoldenReport, ModelDescription, ModelListing } from '../../frame/models.ts';
import { shownText } from '../../frame/shown-text.ts';

interface Shown {
  readonly list: readonly ModelListing[];
  readonly description: ModelDescription;
  readonly golden: GoldenReport;
  readonly history: readonly Activation[];
  readonly activated: readonly Activated[];
  readonly added: ModelListing;
  readonly removed: undefined;
}

type Showers = { readonly [K in keyof Shown]: (outcome: Shown[K]) => string };

const SHOW: Showers = {
  list: (models) =>
    models.length === 0
      ? 'no model packages\n'
      : table(
          ['model', 'decides for', 'created', 'sha256'],
          models.map((model) => [
            `${model.name}/${model.version}`,
            model.recipes.join(', '),
            model.createdAt ?? '',
            model.fault === null ? (model.sha256 ?? '').slice(0, 12) : 'FAULT, see below',
          ]),
        ) + models.map(faultOf).join(''),
  description: ({ name, version, recipes, manifest }) =>
    `${name}/${version}${recipes.length > 0 ? ` decides for ${recipes.join(', ')}` : ' decides for no recipe'}\n${JSON.stringify(manifest, null, 2)}\n`,
  golden: (report) =>
    `${report.name}/${report.version} on ${report.provider}, ${new Date(report.checkedAt).toISOString()}: ${
      report.isOk ? `every golden image within ${report.tolerance}` : `NOT OK: ${report.detail ?? ''}`
    }\n${table(
      ['image', 'expected', 'scored', 'difference'],
      report.scores.map(({ file, expected, scored }) => [
        file,
        expected.toFixed(6),
        scored.toFixed(6),
        Math.abs(scored - expected).toExponential(1),
      ]),
    )}`,
  history: (activations) =>
    activations.length === 0
      ? 'nothing was activated yet\n'
      : table(
          ['#', 'when', 'who', 'what', 'recipe', 'from', 'to'],
          activations.map(({ seq, at, by, kind, recipe, from, to }) => [
            String(seq),
            new Date(at).toISOString(),
            shownText(by),
            kind,
            recipe,
            from === null ? '' : `${from.name}/${from.version}`,
            `${to.name}/${to.version}`,
          ]),
        ),
  activated: (activated) =>
    activated
      .map(
        ({ activation: { recipe, from, to }, cuts }) =>
          `recipe ${recipe}: ${to.name}/${to.version} decides${from === null ? '' : `, before ${from.name}/${from.version}`}; PASS below ${cuts.passBelow}, FAIL from ${cuts.failAbove}\n`,
      )
      .join(''),
  added: ({ name, version }) =>
    `${name}/${version} is there and proven; put it to work with: loupe models activate ${name}/${version} --recipe RECIPE\n`,
  removed: () => 'removed\n',
};

/** Below the table: with two hashes in a sentence a cell would be wider than any terminal. */
function faultOf({ name, version, recipes, fault }: ModelListing): string {
  if (fault === null) return '';
  const stake =
    recipes.length === 0
      ? ''
      : ` It decides for ${recipes.join(', ')}, and its engines cannot start again before it is mended.`;
  return `FAULT ${name}/${version}: ${fault}.${stake}\n`;
}

/** @param outcome what the command of this kind brought back */
export function show(kind: keyof Shown, outcome: unknown): string {
  return (SHOW[kind] as (outcome: unknown) => string)(outcome);
}

function table(head: string[], rows: string[][]): string {
  const printed = new CliTable({ head, style: { head: [], border: [] } });
  printed.push(...rows);
  return `${printed.toString()}\n`;
}
