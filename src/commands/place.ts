/** Where a command writes what it computed: looked at before it computes for minutes. */

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../errors.ts';
import { CommandError, EXIT } from './exit.ts';

/**
 * @param option that named it
 * @param makesFolders the folders above it are made as well
 * @throws CommandError where `place` could not be written
 */
export async function expectPlaceFor(option: string, place: string | undefined, makesFolders = false): Promise<void> {
  if (place === undefined) return;
  const parent = path.dirname(path.resolve(place));
  const folder = makesFolders ? await nearestThere(parent) : parent;
  try {
    if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is no folder`);
    await access(folder, constants.W_OK);
    if (!makesFolders && (await isFolder(place))) throw new Error(`${place} is a folder`);
  } catch (error) {
    const why = messageOf(error);
    throw new CommandError(EXIT.failed, `${option} ${place}: expected a place that can be written: ${why}`, {
      cause: error,
    });
  }
}

/** The folder itself, or the first above it that is there. */
async function nearestThere(folder: string): Promise<string> {
  const above = path.dirname(folder);
  if (above === folder) return folder;
  return stat(folder).then(
    () => folder,
    () => nearestThere(above),
  );
}

function isFolder(place: string): Promise<boolean> {
  return stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
