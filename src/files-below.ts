/** What lies in a folder of pictures, as deep as it goes. */

import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** What systems leave beside pictures: `._a.jpg` of macOS, the bin and the thumbnails of a file manager. */
const HIDDEN = /^\./;

/** A link that leads back to a folder that it lies in: it would be walked for ever. */
export class LinkLoopError extends Error {
  override readonly name = 'LinkLoopError';
}

/**
 * Names of the files in and below `folder`, with "/", but for what is hidden. Links are followed; one that leads nowhere is a name.
 * @throws LinkLoopError; an error of the system where a folder cannot be read
 */
export async function filesBelow(folder: string, above: readonly string[] = []): Promise<string[]> {
  const real = await realpath(folder);
  if (above.includes(real)) throw new LinkLoopError(`${folder}: this link leads back to a folder that it lies in`);
  const names: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const { name } = entry;
    if (HIDDEN.test(name)) continue;
    const inner = path.join(folder, name);
    const isFolder = entry.isSymbolicLink() ? await isFolderAt(inner) : entry.isDirectory();
    if (isFolder) names.push(...(await filesBelow(inner, [...above, real])).map((each) => `${name}/${each}`));
    else names.push(name);
  }
  return names;
}

/** False for a link that leads nowhere too: opening the file will say so. */
function isFolderAt(place: string): Promise<boolean> {
  return stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
