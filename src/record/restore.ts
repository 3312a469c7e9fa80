/** A store made anew from a backup. The ledger takes its name last: a restore that was cut short leaves no ledger behind. */

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Extract } from 'tar-stream';
import { IMAGES_ENTRY, JOURNAL_ENTRIES, LEDGER_ENTRY } from './backup.ts';
import { databasePath, StoreRefusedError } from './database.ts';
import { syncFolder } from './image-store.ts';

/** What a backup of ours holds; a name of any other shape could lead out of the store. */
const IMAGE_NAME = /^images\/\d{4}\/\d\d\/\d\d\/\d\d\/[A-Za-z0-9-]+\.[a-z]{3,4}$/;
/** Folders of their own stand in what another tar program packed anew. */
const FOLDER = 'directory';

export interface RestoreProgress {
  readonly images: number;
}

/**
 * Unpacks `file` into the folder `store`, which must be empty or not exist. Check it with `verifyStore` after this.
 * @throws StoreRefusedError where the folder holds something, or the file is no backup of Loupe or cut short
 */
export async function restore(
  file: string,
  store: string,
  onProgress: (progress: RestoreProgress) => void = () => undefined,
): Promise<RestoreProgress> {
  await mkdir(store, { recursive: true });
  if ((await readdir(store)).length > 0) {
    throw new StoreRefusedError(`${store} is not empty; expected a new folder, so that no store is overwritten`);
  }
  const unpacking = new Unpacking(file, store, onProgress);
  const entries = extract();
  const read = pipeline(createReadStream(file), entries);
  // Where the file ends in the middle of an entry, only the reading end of the tar hears of it.
  const readFailed = read.then(() => new Promise<never>(() => undefined));
  try {
    await Promise.race([unpacking.run(entries), readFailed]);
    if (!unpacking.hasLedger) {
      throw new StoreRefusedError(`${file} holds no ${LEDGER_ENTRY}: it is no backup of Loupe, or was cut short`);
    }
  } catch (error) {
    entries.destroy();
    await unpacking.clear();
    if (error instanceof StoreRefusedError || isOfDisk(error)) throw error;
    throw new StoreRefusedError(`${file} is no backup of Loupe, or was cut short: ${String(error)}`, { cause: error });
  }
  await mkdir(join(store, IMAGES_ENTRY), { recursive: true });
  for (const folder of unpacking.folders) await syncFolder(folder);
  await rename(unpacking.ledger, databasePath(store));
  await syncFolder(store);
  return { images: unpacking.images };
}

class Unpacking {
  readonly ledger: string;
  readonly folders: Set<string>;
  images = 0;
  hasLedger = false;
  private readonly cleared = new AbortController();
  /** The file under way. */
  private writing: Promise<void> = Promise.resolve();
  private readonly file: string;
  private readonly store: string;
  private readonly onProgress: (progress: RestoreProgress) => void;

  constructor(file: string, store: string, onProgress: (progress: RestoreProgress) => void) {
    this.file = file;
    this.store = store;
    this.onProgress = onProgress;
    this.ledger = join(store, `${LEDGER_ENTRY}.restoring`);
    this.folders = new Set([store]);
  }

  async run(entries: Extract): Promise<void> {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      if (type === FOLDER) {
        entry.resume();
        continue;
      }
      const isKnown = name === LEDGER_ENTRY || JOURNAL_ENTRIES.includes(name) || IMAGE_NAME.test(name);
      if (type !== 'file' || !isKnown) {
        throw new StoreRefusedError(`${this.file} holds ${JSON.stringify(name.slice(0, 128))}: no backup of Loupe`);
      }
      const isLedger = name === LEDGER_ENTRY;
      this.writing = this.write(entry, isLedger ? this.ledger : join(this.store, name));
      await this.writing;
      if (isLedger) this.hasLedger = true;
      else if (!JOURNAL_ENTRIES.includes(name)) this.onProgress({ images: ++this.images });
    }
  }

  private async write(entry: Readable, path: string): Promise<void> {
    const { signal } = this.cleared;
    await this.makeFolder(dirname(path));
    signal.throwIfAborted();
    await pipeline(entry, createWriteStream(path, { flags: 'wx', flush: true }), { signal });
  }

  /** What was made of a file that is none, so that the next try finds the folder empty again. */
  async clear(): Promise<void> {
    this.cleared.abort();
    await this.writing.catch(() => undefined);
    for (const name of [IMAGES_ENTRY, ...JOURNAL_ENTRIES, `${LEDGER_ENTRY}.restoring`]) {
      await rm(join(this.store, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }

  private async makeFolder(folder: string): Promise<void> {
    if (this.folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    this.folders.add(folder);
  }
}

/** An error with a code of the system (ENOSPC, EACCES, ENOENT of the file itself). */
function isOfDisk(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
