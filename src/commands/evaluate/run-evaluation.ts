/** Everything `loupe evaluate` does, from folder to files. */

import { writeFile } from 'node:fs/promises';
import { stringify } from 'csv-stringify/sync';
import type { WantedProvider } from '../../engine/pool.ts';
import { shownText } from '../../frame/shown-text.ts';
import type { ModelPackage } from '../../model-repository/package.ts';
import { evaluate, type Evaluation } from '../../training/evaluation.ts';
import { type LabelledFolder, LabelledFolderError, readLabelledFolder } from '../../training/labelled-folder.ts';
import type { Fingerprint } from '../../training/near-duplicates.ts';
import { reportHtml } from '../../training/report/report.ts';
import { cutsOf, inOneForm, packageOf } from '../named-package.ts';
import { expectPlaceFor } from '../place.ts';
import type { Progress } from '../progress.ts';
import { baselineOf } from '../training/baseline.ts';
import { fingerprintsOf } from '../training/fingerprints.ts';
import { readCurve } from '../training/learning-curve-file.ts';
import { worstMistakes } from '../training/pictures.ts';
import { scoreFolder } from '../training/scoring.ts';
import { seenBy } from '../training/seen.ts';
import { costsOf, planeOfModel } from './beside.ts';

export interface EvaluateOptions {
  readonly model: string;
  readonly data: string;
  readonly train?: string;
  readonly scores?: string;
  readonly report?: string;
  readonly passBelow?: number;
  readonly failAbove?: number;
  readonly costRatio: number;
  readonly maxEscapes: number;
  readonly beside?: readonly string[];
  readonly provider: WantedProvider;
  readonly variant?: string;
}

export type Summary = ReturnType<typeof summaryOf>;

export async function runEvaluation(
  options: EvaluateOptions,
  modelsRoot: string,
  bar: Progress,
): Promise<{ readonly summary: Summary; readonly evaluation: Evaluation }> {
  await expectPlaceFor('--scores', options.scores);
  await expectPlaceFor('--report', options.report);
  const whole = await packageOf(options.model, modelsRoot);
  const found = inOneForm(whole, options.variant ?? null);
  const others: ModelPackage[] = [];
  for (const other of options.beside ?? []) others.push(await packageOf(other, modelsRoot));
  const cuts = cutsOf(options, found);
  const curve = options.report === undefined ? [] : await readCurve(whole.folder);
  const folder = await readLabelledFolder(options.data);
  const trained = options.train === undefined ? null : await readLabelledFolder(options.train);
  const seen = await seenBy(found, folder);
  const trainedPrints = trained === null ? null : await fingerprintsOfTrained(trained);
  bar.start(folder.images.length);
  const { images, provider } = await scoreFolder({
    package: found,
    folder,
    cuts,
    provider: options.provider,
    onImage: (done) => bar.update(done),
  });
  bar.stop();
  const measured = evaluate({
    images,
    cuts,
    hasGroups: folder.hasGroups,
    fingerprints: (await fingerprintsOf(folder)).fingerprints,
    trained: trainedPrints,
    seen,
  });
  const evaluation = { ...measured, warnings: [...measured.warnings, ...(await warningsOfOthers(others, folder))] };
  const { name, version } = found.manifest;
  const model = `${name}/${version}${options.variant === undefined ? '' : ` (${options.variant})`}`;
  const baseline = trained === null ? null : await baselineOf(trained, folder);
  if (options.scores !== undefined) await writeFile(options.scores, scoresCsv(evaluation));
  if (options.report !== undefined) {
    const scored = { package: whole, variant: options.variant ?? null, images };
    const html = reportHtml({
      evaluation,
      model,
      data: options.data,
      madeAt: new Date().toISOString(),
      costRatio: options.costRatio,
      curve,
      beside: {
        plane: await planeOfModel(found, evaluation, folder),
        costs: await costsOf(scored, others, folder, options.provider),
        maxEscapes: options.maxEscapes,
      },
      mistakes: await worstMistakes(evaluation, options.data, found.engineModel),
      baseline,
    });
    await writeFile(options.report, html);
  }
  return { summary: summaryOf(evaluation, model, options.data, provider, baseline?.auroc ?? null), evaluation };
}

/** A model that learned from these images looks better beside one that did not. */
async function warningsOfOthers(others: readonly ModelPackage[], folder: LabelledFolder): Promise<string[]> {
  const warnings: string[] = [];
  for (const other of others) {
    const { name, version } = other.manifest;
    const seen = await seenBy(other, folder);
    const said = seen?.warnings ?? ['the images that it was trained on are not known'];
    warnings.push(...said.map((warning) => `beside, ${name}/${version}: ${warning}`));
  }
  return warnings;
}

/** @throws LabelledFolderError where one cannot be read: what is not looked at is not known to be another image */
async function fingerprintsOfTrained(folder: LabelledFolder): Promise<readonly Fingerprint[]> {
  const { fingerprints, unreadable } = await fingerprintsOf(folder);
  const [first] = unreadable;
  if (first === undefined) return fingerprints;
  throw new LabelledFolderError(`${folder.root}: ${unreadable.length} images cannot be read, the first is ${first}`);
}

function scoresCsv({ images }: Evaluation): string {
  return stringify([
    ['file', 'label', 'probability', 'verdict'],
    ...images.map(({ file, isDefective, probability, verdict }) => [
      file,
      isDefective ? 'NG' : 'OK',
      probability ?? '',
      verdict,
    ]),
  ]);
}

/** A figure that cannot be measured is null: JSON has no NaN. */
function summaryOf(
  evaluation: Evaluation,
  model: string,
  data: string,
  provider: string,
  baselineAuroc: number | null,
) {
  const { images, measures, intervals, cuts, groups, escapes, falseRejects, trainedOn, warnings } = evaluation;
  const finite = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
  const defective = images.filter((image) => image.isDefective).length;
  return {
    model,
    data,
    provider,
    images: images.length,
    good: images.length - defective,
    defective,
    groups,
    uninspected: images.filter((image) => image.verdict === 'UNINSPECTED').length,
    cuts: { pass_below: cuts.passBelow, fail_above: cuts.failAbove },
    auroc: finite(measures?.auroc),
    average_precision: finite(measures?.averagePrecision),
    accuracy: finite(measures?.accuracy),
    ece: finite(measures?.ece),
    escapes: escapes.length,
    escape_rate: finite(measures?.escapeRate),
    false_rejects: falseRejects.length,
    false_reject_rate: finite(measures?.falseRejectRate),
    review_rate: finite(measures?.reviewRate),
    intervals: {
      auroc: intervals?.auroc ?? null,
      average_precision: intervals?.averagePrecision ?? null,
      accuracy: intervals?.accuracy ?? null,
      ece: intervals?.ece ?? null,
      escape_rate: intervals?.escapeRate ?? null,
      false_reject_rate: intervals?.falseRejectRate ?? null,
      review_rate: intervals?.reviewRate ?? null,
    },
    baseline_auroc: baselineAuroc,
    trained_on: trainedOn,
    warnings,
  };
}

export function textOf(summary: Summary): string {
  const { intervals } = summary;
  const row = (name: string, value: number | null, key: keyof Summary['intervals']) => {
    const interval = intervals[key];
    const span = interval === null ? '' : `  (${interval.low.toFixed(4)} … ${interval.high.toFixed(4)})`;
    return `  ${name.padEnd(20)}${value === null ? 'not measurable' : `${value.toFixed(4)}${span}`}`;
  };
  const lines = [
    `${summary.model} on ${summary.data}: ${summary.good} OK and ${summary.defective} NG images of ${summary.groups} groups, ${summary.provider}`,
    row('AUROC', summary.auroc, 'auroc'),
    row('average precision', summary.average_precision, 'average_precision'),
    row('accuracy at 0.5', summary.accuracy, 'accuracy'),
    row('calibration error', summary.ece, 'ece'),
    `  at the cuts ${summary.cuts.pass_below} and ${summary.cuts.fail_above}: ${summary.escapes} escapes, ${summary.false_rejects} false rejects, ${summary.uninspected} not inspected`,
    row('escape rate', summary.escape_rate, 'escape_rate'),
    row('false reject rate', summary.false_reject_rate, 'false_reject_rate'),
    row('review rate', summary.review_rate, 'review_rate'),
    ...(summary.baseline_auroc === null ? [] : [`  pixel baseline AUROC ${summary.baseline_auroc.toFixed(4)}`]),
    ...(summary.trained_on === null
      ? []
      : [`  trained on          ${summary.trained_on} of these ${summary.images} images, by the package's own list`]),
    ...summary.warnings.map((warning) => `  WARNING ${shownText(warning)}`),
  ];
  return `${lines.join('\n')}\n`;
}
