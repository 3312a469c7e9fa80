/** What the images of a folder look like, to find those that are the same. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../errors.ts';
import { decode } from '../../engine/decode.ts';
import type { LabelledFolder, LabelledImage } from '../../training/labelled-folder.ts';
import { differenceHash, type Fingerprint, HASH_HEIGHT, HASH_WIDTH, levelsOf } from '../../training/near-duplicates.ts';

const WANTED = { width: HASH_WIDTH, height: HASH_HEIGHT, colour: 'GREY', fit: 'fill', kernel: 'linear' } as const;
const MAX_PIXELS = 1 << 28;

export interface Fingerprints {
  /** One per image that can be decoded. */
  readonly fingerprints: readonly Fingerprint[];
  /** `file: why`, for each of the others. */
  readonly unreadable: readonly string[];
}

export async function fingerprintsOf(
  folder: LabelledFolder,
  onImage: (done: number) => void = () => undefined,
): Promise<Fingerprints> {
  const fingerprints: Fingerprint[] = [];
  const unreadable: string[] = [];
  for (const [i, image] of folder.images.entries()) {
    try {
      fingerprints.push(await fingerprintOf(folder.root, image));
    } catch (error) {
      unreadable.push(`${image.file}: ${messageOf(error)}`);
    }
    onImage(i + 1);
  }
  return { fingerprints, unreadable };
}

async function fingerprintOf(root: string, { file, group, isDefective }: LabelledImage): Promise<Fingerprint> {
  const bytes = await readFile(path.join(root, file));
  const decoding = await decode({ kind: 'encoded', bytes }, WANTED, null, { maxPixels: MAX_PIXELS });
  if (!decoding.ok) throw new Error(`${decoding.reason}: ${decoding.detail}`);
  return {
    file,
    group,
    isDefective,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    differences: differenceHash(decoding.pixels),
    levels: levelsOf(decoding.pixels),
  };
}
