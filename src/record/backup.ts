/**
 * One file that holds a whole store, taken beside a running service:
 *
 *   ledger.db ──SQLite backup──> snapshot          one moment of the ledger
 *   images of the snapshot's rows ──> tar          a file never changes once it has its name
 *   an image that retention took meanwhile ──> noted as removed in the snapshot, as the service noted it
 *   snapshot ──> tar, last                         without it there is nothing to restore: a tar cut short cannot pass for whole
 */

import { createWriteStream } from 'node:fs';
import { access, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { nullIfMissing } from '../errors.ts';
import { databasePath, openForWriting, StoreRefusedError, type Database } from './database.ts';
import { syncFolder } from './image-store.ts';
import { StoreReader } from './store-reader.ts';

export const LEDGER_ENTRY = 'ledger.db';
export const IMAGES_ENTRY = 'images/';
/**
 * Which models and cuts were put to work and which candidates beside them, by whom: lines are only ever added, so any beginning of a
 * journal is whole. And what the cameras are compared with, a file that is replaced as a whole.
 */
export const JOURNAL_ENTRIES: readonly string[] = ['activations.jsonl', 'cuts.jsonl', 'shadows.jsonl', 'drift.json'];

export interface BackupReport {
  readonly file: string;
  readonly rows: number;
  readonly images: number;
  readonly bytes: number;
  /** Images that retention took while the backup ran; the copy has them as removed. */
  readonly removedMeanwhile: number;
  /** Images that should be there and are not: the store itself is not whole. `loupe verify` names them. */
  readonly missing: number;
}

export interface BackupProgress {
  readonly images: number;
  readonly ofImages: number;
}

export interface BackupOptions {
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Gives the backup up: it rejects with the signal's reason, and no file is left. */
  readonly signal?: AbortSignal;
}

interface Image {
  readonly ledgerSeq: number;
  readonly path: string;
}

/** More pages than any ledger has: one step under one read lock, which no commit of the service restarts. */
const ALL_PAGES = 2 ** 31 - 1;
const PAGE_ROWS = 500;

/**
 * Writes the store at `store` to the new file `file`, a tar, durable when this resolves.
 * @throws StoreRefusedError where there is no ledger, or the file exists; the fault of the disk otherwise, and then no file is left
 */
export async function backUp(store: string, file: string, options: BackupOptions = {}): Promise<BackupReport> {
  if (await isThere(file)) throw new StoreRefusedError(`${file} exists; expected the name of a new file`);
  const folder = await mkdtemp(`${resolve(file)}.partial-`);
  try {
    await takeSnapshot(store, folder);
    const tar = join(folder, 'backup.tar');
    const report = await writeTar(store, folder, tar, options);
    options.signal?.throwIfAborted();
    await rename(tar, file);
    await syncFolder(dirname(resolve(file)));
    return { file, ...report };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeSnapshot(store: string, folder: string): Promise<void> {
  const source = new StoreReader(store);
  try {
    await source.database.backup(databasePath(folder), { progress: () => ALL_PAGES });
  } finally {
    source.close();
  }
}

async function writeTar(
  store: string,
  folder: string,
  file: string,
  { onProgress, signal }: BackupOptions,
): Promise<Omit<BackupReport, 'file'>> {
  const live = new StoreReader(store);
  const { database: snapshot } = openForWriting(folder, 'full');
  const tar = pack();
  const written = pipeline(tar, createWriteStream(file, { flags: 'wx' }));
  // A full disk must end the packing as well: whoever waits for the tar to drain would wait for ever.
  const disk = new AbortController();
  written.catch((error: unknown) => disk.abort(error));
  const add = (path: string, name: string) => addFile(tar, path, name, disk.signal);
  const counted = { images: 0, removedMeanwhile: 0, missing: 0 };
  const wasRemoved = live.database
    .prepare<[number], number>('SELECT 1 FROM image_removals WHERE ledger_seq = ?')
    .pluck();
  const ofImages = snapshot.prepare<[], number>('SELECT count(*) FROM stored_images').pluck().get() ?? 0;
  try {
    for (const image of imagesOf(snapshot)) {
      signal?.throwIfAborted();
      if (await add(join(store, IMAGES_ENTRY, image.path), IMAGES_ENTRY + image.path)) counted.images += 1;
      else if (wasRemoved.get(image.ledgerSeq) === undefined) counted.missing += 1;
      else {
        noteRemoval(snapshot, live.database, image.ledgerSeq);
        counted.removedMeanwhile += 1;
      }
      onProgress?.({ images: counted.images, ofImages });
    }
    // A store whose models or cuts were never changed has none of them.
    for (const entry of JOURNAL_ENTRIES) await add(join(store, entry), entry);
    const rows = snapshot.prepare<[], number>('SELECT count(*) FROM results').pluck().get() ?? 0;
    // Whoever holds a copy must not go on as the people who were signed in.
    snapshot.exec('DELETE FROM sessions');
    // Nobody else writes to the copy, and one file is easier to carry than a file and its log.
    snapshot.pragma('journal_mode = DELETE');
    snapshot.close();
    if (!(await add(databasePath(folder), LEDGER_ENTRY))) throw new Error('the snapshot of the ledger vanished');
    tar.finalize();
    await written;
    return { rows, ...counted, bytes: await sync(file) };
  } catch (error) {
    const cause: unknown = disk.signal.aborted ? disk.signal.reason : error;
    tar.destroy();
    await written.catch(() => undefined);
    throw cause;
  } finally {
    live.close();
    if (snapshot.open) snapshot.close();
  }
}

function* imagesOf(snapshot: Database): Generator<Image> {
  const page = snapshot.prepare<[number], Image>(
    `SELECT ledger_seq AS ledgerSeq, image_path AS path FROM results JOIN stored_images USING (ledger_seq)
     WHERE ledger_seq > ? ORDER BY ledger_seq LIMIT ${PAGE_ROWS}`,
  );
  for (let after = 0; ; ) {
    const images = page.all(after);
    yield* images;
    const last = images.at(-1);
    if (last === undefined) return;
    after = last.ledgerSeq;
  }
}

/** False where the file is not there. Rejects when `signal` is aborted. */
async function addFile(tar: Pack, path: string, name: string, signal: AbortSignal): Promise<boolean> {
  const file = await open(path, 'r').catch(nullIfMissing);
  if (file === null) return false;
  const { size, mtime } = await file.stat();
  // Closes `file`; an entry of another length than its header says is an error of the tar.
  const asOfNow = size === 0 ? {} : { end: size - 1 };
  await pipeline(file.createReadStream(asOfNow), tar.entry({ name, size, mtime, mode: 0o640 }), { signal });
  return true;
}

function noteRemoval(snapshot: Database, live: Database, ledgerSeq: number): void {
  const removal = live
    .prepare<[number], { removed_at: number; reason: string }>(
      'SELECT removed_at, reason FROM image_removals WHERE ledger_seq = ?',
    )
    .get(ledgerSeq);
  if (removal === undefined) return;
  snapshot.transaction(() => {
    snapshot.prepare('DELETE FROM stored_images WHERE ledger_seq = ?').run(ledgerSeq);
    snapshot
      .prepare('INSERT INTO image_removals (ledger_seq, removed_at, reason, is_unlinked) VALUES (?, ?, ?, 1)')
      .run(ledgerSeq, removal.removed_at, removal.reason);
  })();
}

async function sync(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
