/** A taught package to work: taken in where it is not there yet, proven, switched. */

import path from 'node:path';
import type { Activated, ModelControl } from '../../frame/models.ts';
import type { Manifest } from '../../model-repository/manifest.ts';
import { withControls } from '../controls.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { WhereOptions } from '../options.ts';

/** Fails before the teaching, not after it, where the service or the folders cannot be had. */
export async function expectWhere(options: WhereOptions): Promise<void> {
  await withControls(options, 'read', ({ models }) => models.list());
}

/** @param recipe null: every recipe that is configured with the model */
export function activateTaught(
  out: string,
  { name, version, sha256 }: Pick<Manifest, 'name' | 'version' | 'sha256'>,
  recipe: string | null,
  options: WhereOptions,
): Promise<readonly Activated[]> {
  return withControls(options, 'change', async ({ models }, by) => {
    const there = await listed(models, name, version);
    if (there === undefined) await models.add(path.resolve(out), by);
    else if (there.sha256 !== sha256) {
      throw new CommandError(
        EXIT.failed,
        `another ${name}/${version} is there already: a version never changes, name the next one (${out} is written and not active)`,
      );
    }
    return models.activate({ name, version, recipe }, by);
  });
}

async function listed(models: ModelControl, name: string, version: string) {
  return (await models.list()).find((each) => each.name === name && each.version === version);
}
