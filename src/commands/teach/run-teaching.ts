/** Everything `loupe teach` does, from folder to package or to figures. */

import { type LabelledFolder, readLabelledFolder } from '../../training/labelled-folder.ts';
import { acrossFifths, fewShot } from '../../training/few-shot.ts';
import { type Example, teach } from '../../training/teaching.ts';
import { CommandError, EXIT } from '../exit.ts';
import { show } from '../models/show.ts';
import type { WhereOptions } from '../options.ts';
import type { Progress } from '../progress.ts';
import { activateTaught, expectWhere } from './activation.ts';
import { edgeFor, embedFolder, inputOf, readBackbone } from './embedding.ts';
import { nameOf, refuseOverwriting, writePackage } from './taught-package.ts';

export interface TeachOptions {
  readonly data: string;
  readonly out?: string;
  readonly edge?: number;
  readonly maxEscapes: number;
  readonly maxFalseRejects: number;
  readonly measure?: true;
  readonly images: number | 'all';
  readonly draws: number;
  readonly activate?: true;
  readonly recipe?: string;
}

export async function runTeaching(options: TeachOptions & WhereOptions, bar: Progress) {
  const { out } = options;
  if (out === undefined) throw new CommandError(EXIT.usage, 'expected --out MODELS/NAME/VERSION, or --measure');
  const { name, version } = nameOf(out);
  await refuseOverwriting(out);
  if (options.activate === true) await expectWhere(options);
  else if (options.http !== undefined || options.recipe !== undefined) {
    throw new CommandError(EXIT.usage, '--http and --recipe say where to activate: expected --activate with them');
  }
  const began = performance.now();
  const { folder, backbone, input, examples } = await embedded(options, bar);
  const learned = teach(examples, { escapes: options.maxEscapes, falseRejects: options.maxFalseRejects });
  const lesson = { ...learned, warnings: [...learned.warnings, ...blackMasks(folder, examples)] };
  if (lesson.cuts.kind === 'none') throw new CommandError(EXIT.failed, `no cuts: ${lesson.cuts.why}`);
  const { cuts } = lesson.cuts;
  const manifest = await writePackage(out, { folder, backbone, input, lesson, cuts });
  const seconds = (performance.now() - began) / 1000;
  const activated =
    options.activate === true ? await activateTaught(out, manifest, options.recipe ?? null, options) : [];
  return {
    model: `${name}/${version}`,
    package: out,
    images: folder.images.length,
    seconds,
    input_edge: input.width,
    l2: lesson.l2,
    folds: lesson.folds,
    cuts: manifest.cuts,
    escape_limit_shown: lesson.cuts.isShown,
    metrics: manifest.metrics,
    warnings: lesson.warnings,
    activated,
  };
}

export async function runMeasuring(options: TeachOptions, bar: Progress) {
  const { folder, input, examples } = await embedded(options, bar);
  const { images, draws } = options;
  const limits = { escapes: options.maxEscapes, falseRejects: options.maxFalseRejects };
  const found = images === 'all' ? acrossFifths(examples, limits) : fewShot(examples, images, draws, limits);
  return {
    data: options.data,
    images: folder.images.length,
    taught_per_class: images,
    draws: found.aurocs.length,
    input_edge: input.width,
    auroc_mean: found.mean,
    auroc_spread: found.spread,
    aurocs: found.aurocs,
  };
}

export function measuredText(found: Awaited<ReturnType<typeof runMeasuring>>): string {
  const taught =
    found.taught_per_class === 'all'
      ? `${found.draws} fifths of the parts, all images of the others taught`
      : `${found.draws} draws of ${found.taught_per_class} + ${found.taught_per_class} images`;
  return `AUROC ${found.auroc_mean.toFixed(3)} +- ${found.auroc_spread.toFixed(3)} over ${taught}`;
}

async function embedded(options: TeachOptions, bar: Progress) {
  const whole = await readLabelledFolder(options.data);
  const folder = options.measure === true && options.images !== 'all' ? thinned(whole) : whole;
  const backbone = await readBackbone();
  const input = inputOf(options.edge ?? (await edgeFor(folder)));
  bar.start(folder.images.length);
  const examples = await embedFolder(folder, backbone, input, (done) => bar.update(done));
  bar.stop();
  return { folder, backbone, input, examples };
}

function blackMasks({ images }: LabelledFolder, examples: readonly Example[]): string[] {
  const black = images.filter(({ mask }, i) => mask !== null && examples[i]?.patches.isMarked === null);
  const [first] = black;
  if (first === undefined) return [];
  return [
    `${black.length} masks are black and were not used, the first is ${first.mask}: expected them bright where the defect is`,
  ];
}

/** Of each class, for a measurement: more would only take longer. */
const MEASURED_PER_CLASS = 300;

function thinned(folder: LabelledFolder): LabelledFolder {
  const images = [false, true].flatMap((isDefective) => {
    const of = folder.images.filter((image) => image.isDefective === isDefective);
    const every = of.length / Math.min(of.length, MEASURED_PER_CLASS);
    return of.filter((_, i) => Math.floor(i / every) !== Math.floor((i - 1) / every));
  });
  return { ...folder, images };
}

export function textOf(taught: Awaited<ReturnType<typeof runTeaching>>): string {
  const auroc = taught.metrics['cross_validated_auroc'];
  const area =
    auroc === undefined ? '' : `${auroc.value.toFixed(4)} (${auroc.low.toFixed(4)} … ${auroc.high.toFixed(4)})`;
  return [
    `${taught.package}: taught on ${taught.images} images in ${taught.seconds.toFixed(1)} s`,
    `  held-out AUROC  ${area}`,
    `  cuts            PASS below ${taught.cuts.pass_below}, FAIL at or above ${taught.cuts.fail_above}`,
    `  report          ${taught.package}/report/report.html`,
    ...taught.warnings.map((warning) => `  WARNING ${warning}`),
    show('activated', taught.activated),
  ].join('\n');
}
