/** `report/seen.csv` of a package: written where one is taught, read where one is measured. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, nullIfMissing } from '../../errors.ts';
import type { InputContract } from '../../engine/contract.ts';
import { type ModelPackage, ModelPackageError } from '../../model-repository/package.ts';
import type { LabelledFolder } from '../../training/labelled-folder.ts';
import {
  type KnownImages,
  type MarkedImage,
  markOf,
  readHeldOut,
  readSeen,
  type SeenAmong,
  seenAmong,
} from '../../training/seen-images.ts';
import { folderPixels } from './folder-pixels.ts';

const LISTS = [
  ['seen.csv', readSeen],
  ['test.csv', readHeldOut],
] as const;

/**
 * @param folder of the package
 * @returns null where it has no such list
 * @throws ModelPackageError where a list is there and not as expected
 */
export async function knownImagesOf(folder: string): Promise<KnownImages | null> {
  for (const [name, read] of LISTS) {
    const text = await readFile(path.join(folder, 'report', name), 'utf8').catch(nullIfMissing);
    if (text === null) continue;
    try {
      return read(text);
    } catch (error) {
      const why = messageOf(error);
      throw new ModelPackageError(`package ${folder}`, [`report/${name}: ${why}`]);
    }
  }
  return null;
}

/** The images that can be decoded, as the model gets them; the others are told of where they are scored. */
export async function markedImages({ root, images }: LabelledFolder, input: InputContract): Promise<MarkedImage[]> {
  const { width, height, colour, resize } = input;
  const source = folderPixels(root, { width, height, colour, ...resize });
  const marked: MarkedImage[] = [];
  for (const { file, group } of images) {
    const pixels = await source.pixels(file).catch(() => null);
    if (pixels !== null) marked.push({ file, group, pixels: markOf(pixels) });
  }
  return marked;
}

/** Which of these images a package was trained on, by its own list; null where it has none. */
export async function seenBy({ folder, manifest }: ModelPackage, data: LabelledFolder): Promise<SeenAmong | null> {
  const known = await knownImagesOf(folder);
  return known === null ? null : seenAmong(await markedImages(data, manifest.input), data.hasGroups, known);
}
