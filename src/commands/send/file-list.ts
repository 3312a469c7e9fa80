/** Which files are sent, under which frame ids, and what their folders say about the parts. */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { filesBelow } from '../../files-below.ts';
import { MAX_FRAME_ID_LENGTH } from '../../frame/identifiers.ts';

/** What the folder says: a good part, or a defective one. */
export type Label = 'ok' | 'ng';

export interface ImageFile {
  readonly path: string;
  readonly frameId: string;
  readonly label: Label | null;
}

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.bmp']);
const OK_WORDS = new Set(['ok', 'good', 'pass', 'normal']);
const NG_WORDS = new Set(['ng', 'nok', 'bad', 'fail', 'def', 'defect', 'defects', 'defective']);
/** How far above a file its label may stand: `ok/batch-3/left/1.png`. */
const LABEL_DEPTH = 3;

/**
 * @param paths files as they are, and folders with every image below them, in the order of their names
 * @param frameIdPrefix put before each file name
 * @returns each file once; rejects where a path cannot be read
 */
export async function listImages(paths: readonly string[], frameIdPrefix: string): Promise<readonly ImageFile[]> {
  const byPlace = new Map<string, string>();
  for (const given of paths) {
    const found = (await stat(given)).isDirectory() ? await imagesBelow(given) : [given];
    for (const file of found) byPlace.set(path.resolve(file), file);
  }
  const frameIds = nameFrames([...byPlace.keys()], frameIdPrefix);
  return [...byPlace.values()].map((file, index) => {
    return { path: file, frameId: frameIds[index] ?? '', label: labelOf(file) };
  });
}

async function imagesBelow(folder: string): Promise<readonly string[]> {
  const names = await filesBelow(folder);
  return names
    .filter((name) => EXTENSIONS.has(path.extname(name).toLowerCase()))
    .map((name) => path.join(folder, name))
    .sort();
}

/** File names as frame ids; where two files have one name, both get their folder before it, and its parent if need be. */
export function nameFrames(files: readonly string[], prefix: string): readonly string[] {
  const depths = files.map(() => 1);
  const most = Math.max(0, ...files.map((file) => file.split(path.sep).length));
  let ids = files.map((file) => frameIdOf(file, 1, prefix));
  for (let depth = 2; depth <= most; depth++) {
    const counts = countOf(ids);
    const clashing = ids.map((id) => (counts.get(id) ?? 0) > 1);
    if (!clashing.includes(true)) return ids;
    clashing.forEach((clashes, index) => {
      if (clashes) depths[index] = depth;
    });
    ids = files.map((file, index) => frameIdOf(file, depths[index] ?? 1, prefix));
  }
  return numbered(ids);
}

function frameIdOf(file: string, depth: number, prefix: string): string {
  const name = file.split(path.sep).slice(-depth).join('-');
  const valid = `${prefix}${name}`.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  // The end of a name tells files apart, and so does the prefix; the middle rarely does.
  if (valid.length > MAX_FRAME_ID_LENGTH) {
    return `${valid.slice(0, MAX_FRAME_ID_LENGTH / 2)}${valid.slice(-MAX_FRAME_ID_LENGTH / 2)}`;
  }
  return valid === '' ? 'frame' : valid;
}

/** Names that stay alike after all (a character that had to be replaced) are numbered. */
function numbered(ids: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return ids.map((id) => {
    let free = id;
    for (let n = 2; taken.has(free); n++) free = `${id.slice(0, MAX_FRAME_ID_LENGTH - 8)}-${n}`;
    taken.add(free);
    return free;
  });
}

function countOf(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** The nearest folder whose name, or the first word of it (`ok_front`), says what its parts are. */
export function labelOf(file: string): Label | null {
  const folders = path.dirname(path.resolve(file)).split(path.sep).slice(-LABEL_DEPTH).toReversed();
  for (const folder of folders) {
    const [word = ''] = folder.toLowerCase().split(/[^a-z0-9]/);
    if (OK_WORDS.has(word)) return 'ok';
    if (NG_WORDS.has(word)) return 'ng';
  }
  return null;
}
