/** Everything `loupe teach` does, from folder to package or to figures. */

import { shownText } from '../../frame/shown-text.ts';
import { type LabelledFolder, LabelledFolderError, readLabelledFolder } from '../../training/labelled-folder.ts';
import { likenessWarnings } from '../../training/evaluation.ts';
import { fifthsOf, halvesOf, measureDraws } from '../../training/few-shot.ts';
import type { Grouped } from '../../training/folds.ts';
import { taughtSizeOf } from '../../training/input-size.ts';
import { CURVE_LESSONS, learningCurve, moreImagesSentence } from '../../training/learning-curve.ts';
import type { Fingerprint } from '../../training/near-duplicates.ts';
import { type Example, foldsFor, teach } from '../../training/teaching.ts';
import { CommandError, EXIT } from '../exit.ts';
import { show } from '../models/show.ts';
import { refuseOverwriting } from '../new-package.ts';
import type { WhereOptions } from '../options.ts';
import { expectPlaceFor } from '../place.ts';
import type { Progress } from '../progress.ts';
import { fingerprintsOf } from '../training/fingerprints.ts';
import { sizesIn } from '../training/folder-pixels.ts';
import { curveJson } from '../training/learning-curve-file.ts';
import { activateTaught, expectWhere } from './activation.ts';
import { embedFolder, inputOf, readBackbone } from './embedding.ts';
import { inSteps, type Step } from './steps.ts';
import { nameOf, writePackage } from './taught-package.ts';
import { degrees, turningOf, withTurned } from './turning.ts';

export interface TeachOptions {
  readonly data: string;
  readonly out?: string;
  readonly edge?: number;
  /** False: no image is learned turned, however usual that looks. */
  readonly turns: boolean;
  readonly maxEscapes: number;
  readonly maxFalseRejects: number;
  readonly curve?: true;
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
  await expectPlaceFor('--out', out, true);
  if (options.activate === true) await expectWhere(options);
  else if (options.http !== undefined || options.recipe !== undefined) {
    throw new CommandError(EXIT.usage, '--http and --recipe say where to activate: expected --activate with them');
  }
  const began = performance.now();
  const folder = await readLabelledFolder(options.data);
  const { folds } = foldsFor(folder.images);
  const step = inSteps(bar, options.curve === true ? 7 : 6);
  const fingerprints = await fingerprintsOfAll(folder, step);
  const { examples, ...embedding } = await embedded(folder, options, step);
  const { backbone, input } = embedding;
  const whole = [{ taught: examples }];
  const turning = await turningOf(examples, whole, options, embedding, step);
  const [all] = await withTurned(whole, turning, embedding, step);
  const learned = await step('fits', folds + 1, (onFit) => teach(examples, limitsOf(options), all?.turned, onFit));
  const curve =
    options.curve === true
      ? await step('models of fewer parts', CURVE_LESSONS, (onTaught) =>
          learningCurve(examples, all?.turned ?? [], limitsOf(options), learned, onTaught),
        )
      : [];
  const warnings = [
    ...learned.warnings,
    ...(options.curve === true && curve.length === 0 ? [NO_CURVE] : []),
    ...blackMasks(folder, examples),
    ...likenessWarnings(folder, fingerprints),
  ];
  const lesson = { ...learned, warnings };
  if (lesson.cuts.kind === 'none') throw new CommandError(EXIT.failed, `no cuts: ${lesson.cuts.why}`);
  const { cuts } = lesson.cuts;
  const manifest = await step('package', 1, () => writePackage(out, { folder, backbone, input, lesson, cuts, curve }));
  const seconds = (performance.now() - began) / 1000;
  if (options.activate === true && !lesson.isFit) {
    throw new CommandError(EXIT.failed, `${out} is written and not active: ${lesson.warnings.join('; ')}`);
  }
  const activated =
    options.activate === true ? await activateTaught(out, manifest, options.recipe ?? null, options) : [];
  return {
    model: `${name}/${version}`,
    package: out,
    images: folder.images.length,
    seconds,
    input_width: input.width,
    input_height: input.height,
    l2: lesson.l2,
    folds: lesson.folds,
    turns: turning.turns.map(degrees),
    cuts: manifest.cuts,
    escape_limit_shown: lesson.cuts.isShown,
    familiar_limit: lesson.head.familiarity.limit,
    metrics: manifest.metrics,
    learning_curve: curveJson(curve).points,
    more_images: moreImagesSentence(curve),
    warnings: lesson.warnings,
    activated,
  };
}

export async function runMeasuring(options: TeachOptions, bar: Progress) {
  if (options.curve === true) {
    throw new CommandError(
      EXIT.usage,
      '--curve goes with --out: --measure --images 10, 20, … shows how much more images help',
    );
  }
  const { images } = options;
  const whole = await readLabelledFolder(options.data);
  const folder = images === 'all' ? whole : thinned(whole, Math.max(MEASURED_PER_CLASS, 3 * images));
  const drawn = <T extends Grouped>(of: readonly T[]) =>
    images === 'all' ? fifthsOf(of) : halvesOf(of, images, options.draws);
  // Once before anything is computed: it refuses what is too little.
  const count = drawn(folder.images).length;
  const step = inSteps(bar, 5);
  const fingerprints = await fingerprintsOfAll(folder, step);
  const { examples, ...embedding } = await embedded(folder, options, step);
  const plain = drawn(examples);
  const turning = await turningOf(examples, plain, options, embedding, step);
  const draws = await withTurned(plain, turning, embedding, step);
  const found = await step('draws', count, (onDraw) => measureDraws(draws, limitsOf(options), onDraw));
  return {
    data: options.data,
    images: folder.images.length,
    taught_per_class: images,
    taught: found.taught,
    draws: count,
    input_width: embedding.input.width,
    input_height: embedding.input.height,
    turns: turning.turns.map(degrees),
    auroc_mean: found.mean,
    auroc_spread: found.spread,
    aurocs: found.aurocs,
    warnings: [...blackMasks(folder, examples), ...likenessWarnings(folder, fingerprints)],
  };
}

export function measuredText(found: Awaited<ReturnType<typeof runMeasuring>>): string {
  const { draws, taught_per_class: wanted, taught, warnings } = found;
  const isWhole = wanted === 'all' || (taught.good === wanted && taught.defective === wanted);
  const fewest = `${isWhole ? '' : 'at least '}${taught.good} good + ${taught.defective} defective images`;
  const over =
    wanted === 'all' ? `${draws} fifths of the parts, all images of the others taught` : `${draws} draws of ${fewest}`;
  const notes = isWhole
    ? warnings
    : [`the parts of a half have fewer than the ${wanted} images asked for`, ...warnings];
  return [
    `AUROC ${found.auroc_mean.toFixed(3)} +- ${found.auroc_spread.toFixed(3)} over ${over}`,
    ...notes.map((note) => `  WARNING ${shownText(note)}`),
  ].join('\n');
}

function limitsOf(options: TeachOptions) {
  return { escapes: options.maxEscapes, falseRejects: options.maxFalseRejects };
}

/** @throws LabelledFolderError with the images that cannot be read, before any is taught */
async function fingerprintsOfAll(folder: LabelledFolder, step: Step): Promise<readonly Fingerprint[]> {
  const { fingerprints, unreadable } = await step('images read', folder.images.length, (onImage) =>
    fingerprintsOf(folder, onImage),
  );
  if (unreadable.length === 0) return fingerprints;
  const shown = unreadable.slice(0, SHOWN).map((fault) => `\n  - ${fault}`);
  const more = unreadable.length > SHOWN ? `\n  - … and ${unreadable.length - SHOWN} more` : '';
  throw new LabelledFolderError(
    `${folder.root}: ${unreadable.length} of ${folder.images.length} images cannot be read:${shown.join('')}${more}`,
  );
}

async function embedded(folder: LabelledFolder, options: TeachOptions, step: Step) {
  const backbone = await readBackbone();
  const input = inputOf(taughtSizeOf(await sizesIn(folder), options.edge));
  const embedding = { folder, backbone, input };
  const examples = await step('images embedded', folder.images.length, (onImage) => embedFolder(embedding, onImage));
  return { ...embedding, examples };
}

function blackMasks({ images }: LabelledFolder, examples: readonly Example[]): string[] {
  const black = images.filter(({ mask }, i) => mask !== null && examples[i]?.patches.isMarked === null);
  const [first] = black;
  if (first === undefined) return [];
  return [
    `${black.length} masks are black and were not used, the first is ${first.mask}: expected them bright where the defect is`,
  ];
}

const NO_CURVE =
  'no learning curve: a half of the parts has too few of a class to be taught, at least 5 images of 2 parts of each';

/** Faults that are named. */
const SHOWN = 10;

/** Of each class, for a measurement: more would only take longer. Half of the parts must hold the images that are taught, or it is more. */
const MEASURED_PER_CLASS = 300;

function thinned(folder: LabelledFolder, perClass: number): LabelledFolder {
  const images = [false, true].flatMap((isDefective) => {
    const of = folder.images.filter((image) => image.isDefective === isDefective);
    const every = of.length / Math.min(of.length, perClass);
    return of.filter((_, i) => Math.floor(i / every) !== Math.floor((i - 1) / every));
  });
  return { ...folder, images };
}

function turnsText(turns: readonly number[]): string {
  if (turns.length === 0) return 'no';
  return `images are learned turned by ${turns.join(', ')} degrees too: good parts lie so`;
}

export function textOf(taught: Awaited<ReturnType<typeof runTeaching>>): string {
  const auroc = taught.metrics['cross_validated_auroc'];
  const area =
    auroc === undefined ? '' : `${auroc.value.toFixed(4)} (${auroc.low.toFixed(4)} … ${auroc.high.toFixed(4)})`;
  return [
    `${taught.package}: taught on ${taught.images} images in ${taught.seconds.toFixed(1)} s`,
    `  held-out AUROC  ${area}`,
    `  cuts            PASS below ${taught.cuts.pass_below}, FAIL at or above ${taught.cuts.fail_above}`,
    `  other things    REVIEW at least, from ${taught.familiar_limit.toFixed(1)} times as far as the images that were taught`,
    `  turned          ${turnsText(taught.turns)}`,
    ...(taught.more_images === null ? [] : [`  more images     ${taught.more_images}`]),
    `  report          ${taught.package}/report/report.html`,
    ...taught.warnings.map((warning) => `  WARNING ${shownText(warning)}`),
    show('activated', taught.activated),
  ].join('\n');
}
