/** The folder of a package that a command makes: whole, or not there at all. */

import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { CommandError, EXIT } from './exit.ts';

/** @throws CommandError when there is something in its place already */
export async function refuseOverwriting(out: string): Promise<void> {
  const isThere = await stat(out).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new CommandError(EXIT.failed, `${out} is there already: a version never changes, name the next one`);
}

/** @param fill puts the files into the folder that it is given, which has `golden/` and takes the place of `out` once all is there */
export async function makeWhole<T>(out: string, fill: (draft: string) => Promise<T>): Promise<T> {
  await refuseOverwriting(out);
  // Beside its place and hidden until whole: a rename is all or nothing.
  const draft = path.join(path.dirname(path.resolve(out)), `.${path.basename(out)}-${randomUUID()}`);
  try {
    await mkdir(path.join(draft, 'golden'), { recursive: true });
    const made = await fill(draft);
    await rename(draft, out);
    return made;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
