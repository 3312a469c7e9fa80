/** What a crash leaves behind: files of groups that were never committed. Only the newest hours can hold them. */

import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedgerEvent } from './contract.ts';
import { resultIdOf } from './image-path.ts';
import { hourFolders, TMP_SUFFIX } from './image-store.ts';

/** The hour of the crash and the one before, whose frames may still have been on their way. */
const NEWEST_FOLDERS = 2;
/** A crash leaves one group of files at most. More means that rows are missing, and then no file may go. */
export const MAX_ORPHANS = 256;

/**
 * Deletes files without rows from the newest folders of `root`.
 * @param isKnown whether the ledger has a row with this result id
 */
export async function sweepOrphans(root: string, isKnown: (resultId: string) => boolean): Promise<LedgerEvent | null> {
  const orphans: string[] = [];
  for (const folder of await hourFolders(root, 'newest_first', NEWEST_FOLDERS)) {
    for (const name of await readdir(join(root, folder))) {
      if (name.endsWith(TMP_SUFFIX) || !isKnown(resultIdOf(name))) orphans.push(join(root, folder, name));
    }
  }
  if (orphans.length === 0) return null;
  if (orphans.length > MAX_ORPHANS) {
    const why = `expected at most ${MAX_ORPHANS} files without a row after a crash; is this ledger.db older than its images?`;
    return { kind: 'orphans_left', files: orphans.length, why };
  }
  for (const path of orphans) await unlink(path);
  return { kind: 'orphans_swept', files: orphans.length };
}
