/**
 * The image files below `<store>/images`.
 *
 *   write .tmp -> fsync -> rename        per file, side by side
 *   fsync of each directory touched      once per group
 *   (then the caller commits the rows)
 *
 * A crash leaves files without rows (swept at the next start), never rows without files.
 */

import { statfsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

export interface ImageFile {
  /** Below `images/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What the writer needs of the disk; tests put a failing disk in its place. */
export interface ImageFiles {
  /** All of `files` durable under their names, or a rejection and none of them left behind as far as the disk allows. */
  write(files: readonly ImageFile[]): Promise<void>;
  /** Takes files away, and folders that hold nothing more; what is not there is no error. */
  remove(paths: readonly string[]): Promise<void>;
  /** Writes `bytes` zeros durably and takes them away again; rejects where the disk cannot. */
  probe(bytes: number): Promise<void>;
  /** Free on the file system of the store; 0 where that cannot be told. */
  freeBytes(): number;
}

export const TMP_SUFFIX = '.tmp';
const PROBE_NAME = `.probe${TMP_SUFFIX}`;

export class ImageStore implements ImageFiles {
  private readonly root: string;
  private readonly known = new Set<string>();

  /** @param root the folder `images` of the store */
  constructor(root: string) {
    this.root = root;
  }

  async write(files: readonly ImageFile[]): Promise<void> {
    if (files.length === 0) return;
    const folders = new Set(files.map((file) => join(this.root, dirname(file.path))));
    for (const folder of folders) await this.ensureFolder(folder);
    const ends = await Promise.allSettled(files.map((file) => writeDurably(join(this.root, file.path), file.bytes)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed === undefined) {
      for (const folder of folders) await syncFolder(folder);
      return;
    }
    // Where a folder vanished under us, the next write makes it anew.
    this.known.clear();
    await this.remove(files.map((file) => file.path)).catch(() => undefined);
    throw failed.reason;
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await removeIfThere(join(this.root, path));
    for (const folder of new Set(paths.map(dirname))) await this.removeIfEmpty(folder);
  }

  async probe(bytes: number): Promise<void> {
    this.known.clear();
    await this.ensureFolder(this.root);
    const path = join(this.root, PROBE_NAME);
    try {
      const file = await open(path, 'w');
      try {
        await file.writeFile(new Uint8Array(bytes));
        await file.sync();
      } finally {
        await file.close();
      }
    } finally {
      await removeIfThere(path).catch(() => undefined);
    }
  }

  freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.root));
      return bavail * bsize;
    } catch {
      return 0;
    }
  }

  /** The folder of an hour that holds nothing more, and its day, month and year; never one that is being written to. */
  private async removeIfEmpty(hour: string): Promise<void> {
    for (let folder = hour; folder !== '.' && !this.known.has(join(this.root, folder)); folder = dirname(folder)) {
      try {
        await rmdir(join(this.root, folder));
      } catch {
        // It holds something, or is gone already. One that stays does no harm.
        return;
      }
    }
  }

  /** Makes `folder` with its parents, and makes their names durable. */
  private async ensureFolder(folder: string): Promise<void> {
    if (this.known.has(folder)) return;
    const first = await mkdir(folder, { recursive: true });
    if (first !== undefined) {
      let parent = dirname(first);
      await syncFolder(parent);
      for (const part of relative(parent, folder).split('/').slice(0, -1)) {
        parent = join(parent, part);
        await syncFolder(parent);
      }
    }
    // Hours pass; only the latest folders are asked for again.
    if (this.known.size > 64) this.known.clear();
    this.known.add(folder);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const tmp = path + TMP_SUFFIX;
  try {
    await writeFile(tmp, bytes, { flush: true });
    await rename(tmp, path);
  } catch (error) {
    await removeIfThere(tmp).catch(() => undefined);
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Makes the names in `folder` durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The folders of hours below `images`, `YYYY/MM/DD/HH`, in order of time. */
export async function hourFolders(
  root: string,
  order: 'oldest_first' | 'newest_first' = 'oldest_first',
  limit = Infinity,
): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    if (depth === 4) {
      found.push(folder);
      return;
    }
    const names = (await readdir(join(root, folder), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
    if (order === 'newest_first') names.reverse();
    for (const name of names) if (found.length < limit) await walk(join(folder, name), depth + 1);
  };
  await walk('', 0);
  return found;
}
