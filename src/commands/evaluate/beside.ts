/** What a report shows beside the figures of one model: other models and variants on the same images, its embedding. */

import { readFile, stat } from 'node:fs/promises';
import { channelsOf } from '../../engine/contract.ts';
import { readGraph, Session } from '../../engine/session.ts';
import type { ModelPackage } from '../../model-repository/package.ts';
import type { EvaluatedImage, Evaluation } from '../../training/evaluation.ts';
import type { LabelledFolder } from '../../training/labelled-folder.ts';
import { medianOf } from '../../statistics/median.ts';
import { measure, ranked, type ScoredImage } from '../../training/measures.ts';
import type { CostPoint, SeenPlane } from '../../training/report/extras.ts';
import { planeOf } from '../../training/report/plane.ts';
import { cutsOf, inOneForm } from '../named-package.ts';
import { folderPixels } from '../training/folder-pixels.ts';
import { scoreFolder } from '../training/scoring.ts';

const EMBEDDING = 'embedding';
/** More images than this are thinned evenly: a plane is looked at, not measured. */
const MAX_DOTS = 400;

/** Scored with what was measured already first, then its variants, then every other package with its variants. */
export async function costsOf(
  measured: {
    readonly package: ModelPackage;
    readonly variant: string | null;
    readonly images: readonly EvaluatedImage[];
  },
  others: readonly ModelPackage[],
  folder: LabelledFolder,
  provider: 'auto' | 'cpu' | 'cuda',
): Promise<CostPoint[]> {
  const points = [await costOf(measured.package, measured.variant, measured.images)];
  for (const found of [measured.package, ...others]) {
    for (const { variant, providers } of found.engineModel.files) {
      if (found === measured.package && variant === measured.variant) continue;
      // A variant for another provider says nothing of its cost here.
      if (provider !== 'auto' && !providers.includes(provider)) continue;
      const form = inOneForm(found, variant);
      const { images } = await scoreFolder({
        package: form,
        folder,
        cuts: cutsOf({}, form),
        provider,
        onImage: () => undefined,
      });
      points.push(await costOf(found, variant, images));
    }
  }
  return points;
}

async function costOf(
  found: ModelPackage,
  variant: string | null,
  images: readonly EvaluatedImage[],
): Promise<CostPoint> {
  const { name, version, input } = found.manifest;
  const file = found.engineModel.files.find((form) => form.variant === variant)?.file ?? found.engineModel.file;
  const scored = ranked(images.filter((image): image is EvaluatedImage & ScoredImage => image.probability !== null));
  const { auroc, escapeRate, falseRejectRate } = measure(
    scored,
    new Float64Array(scored.length).fill(1),
    cutsOf({}, found),
  );
  return {
    name: `${name}/${version}${variant === null ? '' : ` ${variant}`}`,
    width: input.width,
    height: input.height,
    bytes: (await stat(file)).size,
    inferMs: medianOf(scored.map((image) => image.inferMs)) ?? Number.NaN,
    auroc,
    escapeRate,
    falseRejectRate,
  };
}

/** @returns null where the graph gives no embedding, or fewer than 3 images were scored */
export async function planeOfModel(
  found: ModelPackage,
  { scored }: Evaluation,
  folder: LabelledFolder,
): Promise<SeenPlane | null> {
  const { input } = found.manifest;
  const bytes = await readFile(found.engineModel.file);
  if (!(await readGraph(bytes)).outputs.some(({ name }) => name === EMBEDDING) || scored.length < 3) return null;
  const contract = { input, output: { name: EMBEDDING, kind: 'logit' } } as const;
  const session = await Session.open(bytes, contract, { provider: 'cpu', threads: 1 });
  const { width, height, colour, resize } = input;
  const source = folderPixels(folder.root, { width, height, colour, ...resize });
  const every = Math.ceil(scored.length / MAX_DOTS);
  const chosen = scored.filter((_, i) => i % every === 0);
  const embeddings: Float32Array[] = [];
  for (const { file } of chosen) {
    const pixels = await source.pixels(file);
    if (pixels.length !== width * height * channelsOf(input)) throw new Error(`${file}: unexpected size`);
    const [rows = []] = await session.outputs([pixels], [EMBEDDING]);
    embeddings.push(...rows);
  }
  await session.close();
  const plane = planeOf(
    embeddings,
    chosen.map(({ probability }) => probability >= 0.5),
  );
  return { ...plane, isDefective: chosen.map((image) => image.isDefective), files: chosen.map((image) => image.file) };
}
