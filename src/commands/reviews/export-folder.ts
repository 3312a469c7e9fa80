/** Judged pictures as a labelled folder. The manifest comes last: a folder without one was cut short. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { nullIfMissing } from '../../errors.ts';
import type { LastWord } from '../../record/judged.ts';
import { StoreRefusedError } from '../../record/database.ts';
import { StoreReader } from '../../record/store-reader.ts';

export interface ExportReport {
  readonly folder: string;
  readonly ok: number;
  readonly ng: number;
  readonly notKept: number;
  readonly rawPixels: number;
  /** Pictures that do not hash to what was recorded: left out. */
  readonly damaged: number;
}

interface Filter {
  readonly camera: string | null;
  readonly recipe: string | null;
}

/** `image`, `label`, `class` and `group` are what a labelled folder needs; the others lead back to the ledger. */
const HEAD = [
  'image',
  'label',
  'class',
  'group',
  'result_id',
  'camera',
  'frame_id',
  'verdict',
  'probability',
  'reviewer',
];

/** @throws StoreRefusedError where there is no store, or `to` holds something; the fault of the disk otherwise */
export async function exportJudged(store: string, to: string, filter: Filter): Promise<ExportReport> {
  const reader = new StoreReader(store);
  try {
    const there = (await readdir(to, { recursive: true }).catch(nullIfMissing)) ?? [];
    if (there.some((name) => name !== 'ok' && name !== 'ng')) {
      throw new StoreRefusedError(`${to} is not empty; expected a new folder, so that nothing is mixed or overwritten`);
    }
    const counts = { ok: 0, ng: 0, notKept: 0, rawPixels: 0, damaged: 0 };
    const lines: unknown[][] = [];
    for (const word of reader.lastWords()) {
      if (!isWanted(word, filter)) continue;
      const taken = await pictureOf(store, word);
      if (typeof taken === 'string') {
        counts[taken]++;
        continue;
      }
      // Not before there is something to hold: who comes again when more was judged finds no folder in the way.
      if (lines.length === 0) for (const label of ['ok', 'ng']) await mkdir(path.join(to, label), { recursive: true });
      const image = `${word.label}/${path.basename(word.result.imagePath ?? '')}`;
      await writeFile(path.join(to, image), taken, { flag: 'wx' });
      lines.push(lineOf(image, word));
      counts[word.label]++;
    }
    if (lines.length > 0) {
      await writeFile(path.join(to, 'manifest.csv'), stringify([HEAD, ...lines], { escape_formulas: true }));
    }
    return { folder: to, ...counts };
  } finally {
    reader.close();
  }
}

function isWanted({ result }: LastWord, { camera, recipe }: Filter): boolean {
  return (camera === null || result.cameraId === camera) && (recipe === null || result.recipeId === recipe);
}

async function pictureOf(store: string, { result }: LastWord): Promise<Buffer | 'notKept' | 'rawPixels' | 'damaged'> {
  if (result.imagePath === null) return 'notKept';
  if (!result.imageMediaType.startsWith('image/')) return 'rawPixels';
  const bytes = await readFile(path.join(store, 'images', result.imagePath)).catch(nullIfMissing);
  if (bytes === null) return 'notKept';
  return createHash('sha256').update(bytes).digest('hex') === result.imageSha256 ? bytes : 'damaged';
}

/** Pictures of one part are one group; where no part is named, each is its own. */
function lineOf(image: string, { result, label, defectClass, reviewer }: LastWord): unknown[] {
  return [
    image,
    label.toUpperCase(),
    defectClass ?? '',
    result.partId ?? result.resultId,
    result.resultId,
    result.cameraId,
    result.frameId,
    result.verdict,
    result.defectProbability,
    reviewer,
  ];
}
