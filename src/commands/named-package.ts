/** A model as a command line names it, and the cuts that go with it. */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { inForm } from '../engine/contract.ts';
import type { Cuts } from '../frame/verdict.ts';
import { loadModelPackage, type ModelPackage, ModelPackageError, resolveVersion } from '../model-repository/package.ts';
import { CommandError, EXIT } from './exit.ts';

/**
 * A folder that is a package, or NAME[/VERSION] below the models.
 * @throws ModelPackageError when there is none that is as it should be
 */
export async function packageOf(model: string, modelsRoot: string): Promise<ModelPackage> {
  const folder = path.resolve(model);
  const isPackage = await stat(path.join(folder, 'manifest.json')).then(
    () => true,
    () => false,
  );
  if (isPackage) {
    const parent = path.dirname(folder);
    return loadModelPackage(path.dirname(parent), path.basename(parent), path.basename(folder));
  }
  const [name = '', version, ...deeper] = model.split('/');
  if (deeper.length > 0 || name === '' || name.startsWith('.')) {
    const none = `no package in this folder: expected ${path.join(folder, 'manifest.json')}`;
    throw new ModelPackageError(`model ${model}`, [none]);
  }
  return loadModelPackage(modelsRoot, name, version ?? (await resolveVersion(modelsRoot, name)));
}

/**
 * The package in one form, so that no engine chooses one.
 * @param variant null: model.onnx itself
 */
export function inOneForm(found: ModelPackage, variant: string | null): ModelPackage {
  const engineModel = inForm(found.engineModel, variant);
  if (engineModel !== null) return { ...found, engineModel };
  const { name, version } = found.manifest;
  const there = found.engineModel.files.flatMap((form) => form.variant ?? []).join(', ') || 'none';
  throw new CommandError(EXIT.failed, `${name}/${version} has no variant "${variant}"; it has: ${there}`);
}

/** The package's own cuts, or those given instead. */
export function cutsOf(
  { passBelow, failAbove }: { readonly passBelow?: number; readonly failAbove?: number },
  { manifest }: ModelPackage,
): Cuts {
  const cuts = {
    passBelow: passBelow ?? manifest.cuts.pass_below,
    failAbove: failAbove ?? manifest.cuts.fail_above,
  };
  if (cuts.passBelow > cuts.failAbove) {
    throw new CommandError(
      EXIT.usage,
      `expected --pass-below at most --fail-above, got ${cuts.passBelow} and ${cuts.failAbove}`,
    );
  }
  return cuts;
}
