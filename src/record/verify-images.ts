/** The image files of a store against their rows. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../errors.ts';
import { resultIdOf } from './image-path.ts';
import { hourFolders, TMP_SUFFIX } from './image-store.ts';

export interface ImageToCheck {
  readonly ledgerSeq: number;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ImageFault {
  readonly kind: 'image_missing' | 'image_altered';
  readonly detail: string;
}

/** A younger file may belong to a group that a running service is about to commit. */
const SETTLED_AFTER_MS = 5000;

export async function checkImage(root: string, image: ImageToCheck): Promise<ImageFault | null> {
  const path = join(root, image.path);
  try {
    const { size } = await stat(path);
    if (size !== image.bytes) {
      return { kind: 'image_altered', detail: `${image.path}: expected ${image.bytes} bytes, the file has ${size}` };
    }
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const sha256 = hash.digest('hex');
    if (sha256 === image.sha256) return null;
    return { kind: 'image_altered', detail: `${image.path}: expected SHA-256 ${image.sha256}, the file has ${sha256}` };
  } catch (error) {
    return {
      kind: 'image_missing',
      detail: `${image.path}: ${messageOf(error)}`,
    };
  }
}

/** Counts files that no row speaks of, and temporary ones. */
export async function findOrphans(
  root: string,
  isKnown: (resultId: string) => boolean,
): Promise<{ readonly orphans: number; readonly temporary: number }> {
  let orphans = 0;
  let temporary = 0;
  const settledBefore = Date.now() - SETTLED_AFTER_MS;
  const isThere = await access(root).then(
    () => true,
    () => false,
  );
  // Where the whole folder is gone, every row has said so already.
  if (!isThere) return { orphans, temporary };
  for (const folder of await hourFolders(root)) {
    for (const name of await readdir(join(root, folder))) {
      const isTemporary = name.endsWith(TMP_SUFFIX);
      if (!isTemporary && isKnown(resultIdOf(name))) continue;
      const modified = (await stat(join(root, folder, name)).catch(() => null))?.mtimeMs;
      if (modified === undefined || modified > settledBefore) continue;
      if (isTemporary) temporary += 1;
      else orphans += 1;
    }
  }
  return { orphans, temporary };
}
