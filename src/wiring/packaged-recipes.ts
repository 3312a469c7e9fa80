/** Which package decides for each recipe: as the configuration pins it, else as it was activated, else the highest. */

import type { Config } from '../config/schema.ts';
import type { RecipeCuts } from '../frame/cuts.ts';
import type { ModelVersion } from '../frame/models.ts';
import type { Cuts } from '../frame/verdict.ts';
import { ActivationJournal, currentOf, type JournalEntry, type NewEntry } from '../model-repository/activations.ts';
import { type CutEntry, CutJournal, standingChanges } from '../model-repository/cut-journal.ts';
import { contractSha256 } from '../model-repository/manifest.ts';
import {
  listModels,
  loadModelPackage,
  type ModelPackage,
  ModelPackageError,
  resolveVersion,
} from '../model-repository/package.ts';
import type { ActiveRecipe } from '../pipeline.ts';

export interface PackagedRecipe {
  readonly recipe: ActiveRecipe;
  readonly package: ModelPackage;
  /** The configuration names the version: it cannot be changed while the service runs. */
  readonly isPinned: boolean;
  readonly cutsSource: RecipeCuts['source'];
  /** What judges once every change of cuts is taken back. */
  readonly baseCuts: Cuts;
  /** Changes of cuts that stand, the one in force last. */
  readonly cutChanges: readonly CutEntry[];
}

type RecipeConfig = Config['recipes'][string];

/**
 * Reads and checks every package that a recipe needs. A lane is one version of one model: `name/version`.
 * @throws ModelPackageError with everything that is wrong with a package or the journal of activations
 */
export async function packageRecipes(config: Config): Promise<PackagedRecipe[]> {
  const entries = await new ActivationJournal(config.store.path).read();
  const cutEntries = await new CutJournal(config.store.path).read();
  const packaged: PackagedRecipe[] = [];
  for (const [id, recipe] of Object.entries(config.recipes)) {
    packaged.push(packagedRecipe(id, recipe, await packageFor(config, id, recipe, entries), cutEntries));
  }
  return packaged;
}

/**
 * A recipe with the model that decides for it, and its cuts: as they were chosen for this very model while the service ran,
 * else as the configuration says, else as the model suggests.
 */
export function packagedRecipe(
  id: string,
  recipe: RecipeConfig,
  found: ModelPackage,
  cutEntries: readonly CutEntry[],
): PackagedRecipe {
  const { name, version, cuts: suggested } = found.manifest;
  const configured = configuredCuts(recipe);
  const baseCuts = configured ?? { passBelow: suggested.pass_below, failAbove: suggested.fail_above };
  const cutChanges = standingChanges(cutEntries, id, found.engineModel, configured);
  const chosen = cutChanges.at(-1)?.to ?? null;
  return {
    recipe: {
      id,
      lane: `${name}/${version}`,
      contractSha256: contractSha256(found.manifest),
      roi: recipe.roi,
      cuts: chosen ?? baseCuts,
    },
    package: found,
    isPinned: recipe.version !== null,
    cutsSource: chosen !== null ? 'chosen' : configured !== null ? 'configuration' : 'model',
    baseCuts,
    cutChanges,
  };
}

/** The cuts of the configuration itself; null where it leaves them to the model. */
export function configuredCuts({ pass_below: passBelow, fail_above: failAbove }: RecipeConfig): Cuts | null {
  return passBelow === null || failAbove === null ? null : { passBelow, failAbove };
}

/**
 * What the journal has to be told at a start: which version an unpinned recipe began with. From then on a package that is
 * merely added changes nothing.
 */
export function firstEntries(
  config: Config,
  recipes: readonly PackagedRecipe[],
  entries: readonly JournalEntry[],
  now: number,
): NewEntry[] {
  const first: NewEntry[] = [];
  for (const { recipe, package: found, isPinned } of recipes) {
    const configuredModel = config.recipes[recipe.id]?.model;
    if (isPinned || configuredModel === undefined) continue;
    const current = currentOf(entries, recipe.id, configuredModel);
    const { name, version, sha256 } = found.engineModel;
    if (current?.to.name === name && current.to.version === version) continue;
    const from = current?.to ?? null;
    const to = { name, version, sha256 };
    first.push({ at: now, by: 'service', kind: 'first_start', recipe: recipe.id, configuredModel, from, to });
  }
  return first;
}

async function packageFor(
  config: Config,
  id: string,
  recipe: RecipeConfig,
  entries: readonly JournalEntry[],
): Promise<ModelPackage> {
  const root = config.models.path;
  if (recipe.version !== null) return loadModelPackage(root, recipe.model, recipe.version);
  const current = currentOf(entries, id, recipe.model);
  if (current === undefined || (current.kind === 'first_start' && !(await isThere(root, current.to)))) {
    return loadModelPackage(root, recipe.model, await resolveVersion(root, recipe.model));
  }
  const { name, version, sha256 } = current.to;
  const found = await loadModelPackage(root, name, version);
  if (found.manifest.sha256 !== sha256) {
    throw new ModelPackageError(`recipe ${id}`, [
      `${name}/${version} was activated with SHA-256 ${sha256}; the folder now holds ${found.manifest.sha256}`,
    ]);
  }
  return found;
}

async function isThere(root: string, model: ModelVersion): Promise<boolean> {
  const models = await listModels(root);
  return models.find(({ name }) => name === model.name)?.versions.includes(model.version) === true;
}
