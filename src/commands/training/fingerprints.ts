/** What the images of a folder look like, to find those that are the same. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { decode } from '../../engine/decode.ts';
import type { LabelledFolder } from '../../training/labelled-folder.ts';
import { differenceHash, type Fingerprint, HASH_HEIGHT, HASH_WIDTH, levelsOf } from '../../training/near-duplicates.ts';

const WANTED = { width: HASH_WIDTH, height: HASH_HEIGHT, colour: 'GREY', fit: 'fill', kernel: 'linear' } as const;
const MAX_PIXELS = 1 << 28;

/** One per image that can be decoded; the others are told of where they are scored. */
export async function fingerprintsOf(folder: LabelledFolder): Promise<Fingerprint[]> {
  const fingerprints: Fingerprint[] = [];
  for (const { file, group, isDefective } of folder.images) {
    const bytes = await readFile(path.join(folder.root, file));
    const decoding = await decode({ kind: 'encoded', bytes }, WANTED, null, { maxPixels: MAX_PIXELS });
    if (!decoding.ok) continue;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    fingerprints.push({
      file,
      group,
      isDefective,
      sha256,
      differences: differenceHash(decoding.pixels),
      levels: levelsOf(decoding.pixels),
    });
  }
  return fingerprints;
}
