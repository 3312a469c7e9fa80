/** A lesson as a model package on disk: whole, or not there at all. */

import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { judge } from '../../decide/decide.ts';
import type { InputContract } from '../../engine/contract.ts';
import { Session } from '../../engine/session.ts';
import { isUnfamiliar } from '../../frame/score.ts';
import { type Manifest, MODEL_NAME, MODEL_VERSION } from '../../model-repository/manifest.ts';
import { evaluate, type EvaluatedImage } from '../../training/evaluation.ts';
import type { Interval } from '../../statistics/interval.ts';
import type { LabelledFolder } from '../../training/labelled-folder.ts';
import type { CurvePoint } from '../../training/learning-curve.ts';
import type { DecisionCuts } from '../../training/measures.ts';
import { reportHtml } from '../../training/report/report.ts';
import { seenCsv } from '../../training/seen-images.ts';
import { TAUGHT_OUTPUT, taughtGraph } from '../../training/taught-graph.ts';
import type { Lesson } from '../../training/teaching.ts';
import { CommandError, EXIT } from '../exit.ts';
import { makeWhole } from '../new-package.ts';
import { folderPixels } from '../training/folder-pixels.ts';
import { curveFileIn, curveJson } from '../training/learning-curve-file.ts';
import { worstMistakes } from '../training/pictures.ts';
import { markedImages } from '../training/seen.ts';
import { BLOCKS, gridFor, placesFor } from './embedding.ts';

const GOLDEN_PER_CLASS = 3;
const GOLDEN_TOLERANCE = 0.02;
const COST_RATIO = 100;

export interface TaughtModel {
  readonly folder: LabelledFolder;
  readonly backbone: Uint8Array;
  readonly input: InputContract;
  readonly lesson: Lesson;
  readonly cuts: DecisionCuts;
  /** Fewest parts first; empty where none was asked for or could be made. */
  readonly curve: readonly CurvePoint[];
}

/** `<models>/<name>/<version>` as name and version. */
export function nameOf(out: string): { readonly name: string; readonly version: string } {
  const folder = path.resolve(out);
  const [name, version] = [path.basename(path.dirname(folder)), path.basename(folder)];
  if (MODEL_NAME.test(name) && MODEL_VERSION.test(version)) return { name, version };
  throw new CommandError(
    EXIT.usage,
    `expected --out MODELS/NAME/VERSION, for example models/gasket/1, a name of letters, digits, ".", "_" and "-", got "${out}"`,
  );
}

export function writePackage(out: string, taught: TaughtModel): Promise<Manifest> {
  const { name, version } = nameOf(out);
  return makeWhole(out, async (draft) => {
    await mkdir(path.join(draft, 'report'));
    const model = taughtGraph(
      taught.backbone,
      BLOCKS,
      gridFor(taught.input),
      placesFor(taught.input).name,
      taught.lesson.head,
    );
    await writeFile(path.join(draft, 'model.onnx'), model);
    const golden = await writeGolden(draft, model, taught);
    const manifest = await manifestOf(name, version, model, golden, taught);
    await writeFile(path.join(draft, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await writeFile(path.join(draft, 'report', 'report.html'), await reportOf(`${name}/${version}`, taught));
    const { curve } = taught;
    if (curve.length > 0) await writeFile(curveFileIn(draft), `${JSON.stringify(curveJson(curve), null, 2)}\n`);
    const seen = seenCsv(await markedImages(taught.folder, taught.input));
    await writeFile(path.join(draft, 'report', 'seen.csv'), seen);
    return manifest;
  });
}

/** The user's own images, scored by the graph that is written, as an engine will. */
async function writeGolden(draft: string, model: Uint8Array, taught: TaughtModel): Promise<Manifest['golden']> {
  const { folder, input } = taught;
  const contract = { input, output: TAUGHT_OUTPUT };
  const session = await Session.open(model, contract, { provider: 'cpu', threads: 1 });
  const { width, height, colour, resize } = input;
  const source = folderPixels(folder.root, { width, height, colour, ...resize });
  const golden: Manifest['golden'] = [];
  for (const isDefective of [false, true]) {
    const of = folder.images.filter((image) => image.isDefective === isDefective);
    for (let k = 0; k < GOLDEN_PER_CLASS; k++) {
      const some = of.slice((k * of.length) / GOLDEN_PER_CLASS, ((k + 1) * of.length) / GOLDEN_PER_CLASS);
      for (const image of some) {
        const [score] = await session.run([await source.pixels(image.file)], 1);
        // One that was taught and is far from the rest proves nothing of what is usual.
        if (score === undefined || isUnfamiliar(score)) continue;
        const file = `golden/${isDefective ? 'ng' : 'ok'}-${k + 1}${path.extname(image.file).toLowerCase()}`;
        await copyFile(path.join(folder.root, image.file), path.join(draft, file));
        golden.push({ file, probability: Number(score.probability.toFixed(6)) });
        break;
      }
    }
  }
  return golden;
}

async function manifestOf(
  name: string,
  version: string,
  model: Uint8Array,
  golden: Manifest['golden'],
  { folder, input, lesson, cuts }: TaughtModel,
): Promise<Manifest> {
  const hash = createHash('sha256');
  for (const { file } of folder.images) hash.update(await readFile(path.join(folder.root, file)));
  const { name: inputName, dtype, layout, width, height, colour, resize } = input;
  return {
    schema: 'loupe.model/1',
    name,
    version,
    description:
      'Taught on this machine by `loupe teach`: the shipped backbone, logistic regression and a memory of good parts.',
    created_at: new Date().toISOString(),
    sha256: createHash('sha256').update(model).digest('hex'),
    input: { name: inputName, dtype, layout, width, height, colour, resize },
    output: TAUGHT_OUTPUT,
    calibration: { method: 'platt', ...lesson.calibration, parts: partsOf(folder) },
    cuts: { pass_below: cuts.passBelow, fail_above: cuts.failAbove },
    golden_tolerance: GOLDEN_TOLERANCE,
    golden,
    training_data: {
      source: `labelled folder ${path.basename(path.resolve(folder.root))}, the images themselves hashed in its order`,
      licence: "the user's own",
      parts: partsOf(folder),
      sha256: hash.digest('hex'),
    },
    metrics: metricsOf(lesson, folder),
  };
}

function partsOf({ images }: Pick<LabelledFolder, 'images'>): number {
  return new Set(images.map((image) => image.group)).size;
}

/** Cross-validated by group. What was chosen on the same held-out scores is named so: it looks a little better than it is. */
function metricsOf({ measures, intervals, cuts }: Lesson, { images }: LabelledFolder): Manifest['metrics'] {
  const metrics: Manifest['metrics'] = {};
  const [bad, good] = [true, false].map((is) => images.filter(({ isDefective }) => isDefective === is));
  const put = (key: string, value: number | undefined, interval: Interval | null | undefined, of = images) => {
    if (value === undefined || Number.isNaN(value) || !interval) return;
    const n = partsOf({ images: of });
    metrics[key] = { value, low: interval.low, high: interval.high, n };
  };
  put('cross_validated_auroc', measures?.auroc, intervals?.auroc);
  put('cross_validated_average_precision', measures?.averagePrecision, intervals?.averagePrecision);
  put('calibration_error_where_calibrated', measures?.ece, intervals?.ece);
  put('review_rate_at_chosen_cuts', measures?.reviewRate, intervals?.reviewRate);
  if (cuts.kind === 'chosen') {
    put('escape_rate_at_chosen_cuts', cuts.escapeRate, cuts.escapeInterval, bad);
    put('false_reject_rate_at_chosen_cuts', cuts.falseRejectRate, cuts.falseRejectInterval, good);
  }
  return metrics;
}

async function reportOf(model: string, { folder, lesson, cuts, curve }: TaughtModel): Promise<string> {
  const kindOf = new Map(folder.images.map((image) => [image.file, image.kind]));
  const images = lesson.validation.map((image): EvaluatedImage => {
    const judgement = judge(image, cuts);
    const of = { ...image, kind: kindOf.get(image.file) ?? '', reason: judgement.reason, decodeMs: 0, inferMs: 0 };
    return judgement.verdict === 'UNINSPECTED'
      ? { ...of, probability: null, verdict: 'UNINSPECTED' }
      : { ...of, verdict: judgement.verdict };
  });
  const evaluation = evaluate({
    images,
    cuts,
    hasGroups: folder.hasGroups,
    // What is alike stands in the warnings of the lesson.
    fingerprints: [],
    trained: [],
    seen: null,
  });
  const cautions = [
    'Cross-validated: each image was scored by a fit that saw nothing of its part. Calibration and cuts were chosen on these same ' +
      'scores: calibration error and rates may look better here than on new parts.',
    ...lesson.warnings,
  ];
  return reportHtml({
    evaluation: { ...evaluation, warnings: [...new Set([...cautions, ...evaluation.warnings])] },
    model,
    data: folder.root,
    madeAt: new Date().toISOString(),
    costRatio: COST_RATIO,
    curve,
    mistakes: await worstMistakes(evaluation, folder.root),
    baseline: null,
  });
}
