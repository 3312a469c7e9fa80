/** Everything `loupe models verify-variants` does, from package to manifest. */

import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { shownText } from '../../frame/shown-text.ts';
import { type Manifest, manifestSchema, VARIANT_PROVIDERS } from '../../model-repository/manifest.ts';
import { type ModelPackage, VARIANTS } from '../../model-repository/package.ts';
import type { EvaluatedImage } from '../../training/evaluation.ts';
import { type LabelledFolder, readLabelledFolder } from '../../training/labelled-folder.ts';
import { compareVariant, type VariantComparison } from '../../training/variant-comparison.ts';
import { CommandError, EXIT } from '../exit.ts';
import { cutsOf, inOneForm, packageOf } from '../named-package.ts';
import type { Progress } from '../progress.ts';
import { scoreFolder } from '../training/scoring.ts';
import { seenBy } from '../training/seen.ts';
import { medianOf } from '../../statistics/median.ts';

export interface VerifyVariantsOptions {
  readonly data: string;
  readonly maxAurocDrop: number;
  readonly maxNewEscapes: number;
  readonly json?: true;
}

type VariantName = keyof typeof VARIANT_PROVIDERS;
type KeptVariant = NonNullable<Manifest['variants']>[number];

export interface VerifiedVariant {
  readonly name: VariantName;
  readonly isKept: boolean;
  /** Why it is not kept. */
  readonly faults: readonly string[];
  /** Null where no engine could be proven with it. */
  readonly comparison: Omit<VariantComparison, 'faults'> | null;
  /** Median milliseconds of one image in an engine here, of the variant and of model.onnx. */
  readonly inferMs: number | null;
  readonly originalInferMs: number;
}

export interface VerifiedVariants {
  readonly model: string;
  readonly data: string;
  /** What makes the comparison say less than it seems to. */
  readonly warnings: readonly string[];
  readonly variants: readonly VerifiedVariant[];
}

const NAMES = Object.keys(VARIANT_PROVIDERS) as VariantName[];

export async function verifyVariants(
  folder: string,
  options: VerifyVariantsOptions,
  bar: Progress,
): Promise<VerifiedVariants> {
  const found = inOneForm(await packageOf(folder, folder), null);
  const names = await variantsIn(found.folder);
  const data = await readLabelledFolder(options.data);
  for (const isDefective of [true, false]) {
    if (data.images.some((image) => image.isDefective === isDefective)) continue;
    const missing = isDefective ? 'defective' : 'good';
    throw new CommandError(EXIT.failed, `${options.data}: expected good and defective images, got no ${missing} one`);
  }
  const warnings = (await seenBy(found, data))?.warnings ?? [];
  bar.start(data.images.length * (names.length + 1));
  let done = 0;
  const score = async (form: ModelPackage) => {
    const images = await scored(form, data, (n) => bar.update(done + n));
    done += data.images.length;
    return images;
  };
  const original = await score(found);
  const variants: VerifiedVariant[] = [];
  const kept: KeptVariant[] = [];
  const removed: string[] = [];
  for (const name of names) {
    const file = path.join(found.folder, VARIANTS, `${name}.onnx`);
    const bytes = await readFile(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const providers = [...VARIANT_PROVIDERS[name]];
    const files = [{ variant: name, file, sha256, providers }];
    const verified = await verify(
      name,
      { ...found, engineModel: { ...found.engineModel, files } },
      score,
      original,
      options,
    );
    variants.push(verified);
    if (!verified.isKept || verified.comparison === null) {
      removed.push(file);
      continue;
    }
    const { images, aurocDrop, maxDifference, flips, newEscapes } = verified.comparison;
    const check = {
      images,
      auroc_drop: Number(aurocDrop.toFixed(6)),
      max_difference: Number(maxDifference.toFixed(6)),
      verdict_flips: flips.length,
      new_escapes: newEscapes,
    };
    kept.push({ name, sha256, providers, bytes: bytes.byteLength, check });
  }
  await writeManifest(found, kept);
  // After the manifest: one that names a file which is gone could not even be verified again.
  for (const file of removed) await rm(file);
  const { name, version } = found.manifest;
  return { model: `${name}/${version}`, data: options.data, warnings, variants };
}

async function verify(
  name: VariantName,
  form: ModelPackage,
  score: (form: ModelPackage) => Promise<EvaluatedImage[]>,
  original: readonly EvaluatedImage[],
  options: VerifyVariantsOptions,
): Promise<VerifiedVariant> {
  const originalInferMs = medianMs(original);
  let images: readonly EvaluatedImage[];
  try {
    images = await score(form);
  } catch (error) {
    // No engine could be proven with it: its golden scores are off, or the graph does not run.
    if (!(error instanceof CommandError)) throw error;
    return { name, isKept: false, faults: [error.message], comparison: null, inferMs: null, originalInferMs };
  }
  const limits = { aurocDrop: options.maxAurocDrop, newEscapes: options.maxNewEscapes };
  const { faults, ...comparison } = compareVariant(original, images, cutsOf({}, form), limits);
  return { name, isKept: faults.length === 0, faults, comparison, inferMs: medianMs(images), originalInferMs };
}

async function scored(form: ModelPackage, folder: LabelledFolder, onImage: (done: number) => void) {
  const { images } = await scoreFolder({ package: form, folder, cuts: cutsOf({}, form), provider: 'cpu', onImage });
  return [...images];
}

async function variantsIn(folder: string): Promise<VariantName[]> {
  const files = await readdir(path.join(folder, VARIANTS)).catch(() => []);
  const found = files.filter((file) => file.endsWith('.onnx')).map((file) => file.slice(0, -'.onnx'.length));
  const names = NAMES.filter((name) => found.includes(name));
  if (names.length === 0 || names.length < found.length) {
    throw new CommandError(
      EXIT.failed,
      `${folder}: expected ${NAMES.map((name) => `${VARIANTS}/${name}.onnx`).join(' or ')}, found ${found.join(', ') || 'none'}; models/training/variants.py makes them`,
    );
  }
  return names;
}

/** As it stands in the file, so that nothing else of it changes. */
async function writeManifest({ folder }: ModelPackage, variants: readonly KeptVariant[]): Promise<void> {
  const file = path.join(folder, 'manifest.json');
  const { variants: _, ...manifest } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const changed = variants.length === 0 ? manifest : { ...manifest, variants };
  manifestSchema.parse(changed);
  await writeFile(`${file}.part`, `${JSON.stringify(changed, null, 2)}\n`);
  await rename(`${file}.part`, file);
}

function medianMs(images: readonly EvaluatedImage[]): number {
  const scored = images.filter((image) => image.probability !== null);
  return medianOf(scored.map((image) => image.inferMs)) ?? Number.NaN;
}

const SHOWN = 20;

export function textOf({ model, data, warnings, variants }: VerifiedVariants): string {
  const lines = [`${model} on ${data}`, ...warnings.map((warning) => `  WARNING ${shownText(warning)}`)];
  for (const { name, isKept, faults, comparison, inferMs, originalInferMs } of variants) {
    lines.push(`  ${name}: ${isKept ? 'kept' : 'removed'}${faults.map((fault) => `; ${fault}`).join('')}`);
    if (comparison === null) continue;
    const { images, auroc, aurocDrop, maxDifference, flips, newEscapes, newEscapeInterval } = comparison;
    lines.push(
      `    AUROC ${auroc.toFixed(5)} (${(-aurocDrop).toFixed(5)}), largest difference ${maxDifference.toFixed(4)}, ` +
        `${flips.length} of ${images} verdicts flip, ${newEscapes} new escapes (95 %: at most ${(100 * newEscapeInterval.high).toFixed(1)} % of defective parts)`,
      `    ${inferMs?.toFixed(2)} ms an image, model.onnx ${originalInferMs.toFixed(2)} ms (median, this machine)`,
      ...flips
        .slice(0, SHOWN)
        .map(({ file, isDefective, from, to }) => `    ${file} (${isDefective ? 'NG' : 'OK'}): ${from} -> ${to}`),
      ...(flips.length > SHOWN ? [`    … and ${flips.length - SHOWN} more`] : []),
    );
  }
  return `${lines.join('\n')}\n`;
}
