/**
 * The life of models while the service runs, or beside a stopped one: what is there, what decides, since when and by whom, and
 * the change from one to another. One change at a time; each stands in the journal before it takes effect.
 */

import type { Config } from '../config/schema.ts';
import { LoupeError, messageOf } from '../errors.ts';
import {
  type ActivateRequest,
  type Activated,
  type Activation,
  type GoldenReport,
  type ModelControl,
  type ModelDescription,
  type ModelReport,
  type ModelReports,
  type ModelListing,
  sameModel,
} from '../frame/models.ts';
import { type ActivationJournal, currentOf, formerOf, type NewEntry } from '../model-repository/activations.ts';
import type { CutJournal } from '../model-repository/cut-journal.ts';
import type { ModelPackage } from '../model-repository/package.ts';
import type { ModelRepository } from '../model-repository/repository.ts';
import { Turns } from '../turns.ts';
import { packagedRecipe, type PackagedRecipe } from './packaged-recipes.ts';

/** What the models are put to work by: the engines of a running service, or a proof in one that ends right after. */
export interface Workplace {
  /** Proves the package, calls `commit`, switches. Rejects with LoupeError model_refused where the package is not fit. */
  switchTo(recipes: readonly PackagedRecipe[], commit: () => Promise<void>): Promise<void>;
  /** Resolves when nothing of an earlier switch is left. */
  drained(): Promise<void>;
  goldenReport(found: ModelPackage): Promise<GoldenReport>;
}

export interface ModelDeskOptions {
  readonly config: Config;
  readonly repository: ModelRepository;
  readonly journal: ActivationJournal;
  readonly cutJournal: CutJournal;
  readonly workplace: Workplace;
  /** Recipes that a version is a shadow of, or is being proven for. */
  shadowed(name: string, version: string): readonly { readonly recipe: string; readonly isProven: boolean }[];
  now(): number;
  onEvent(event: ModelEvent): void;
}

export type ModelEvent =
  | { readonly kind: 'model_activated'; readonly activation: Activation; readonly ms: number }
  | { readonly kind: 'model_activation_refused'; readonly model: string; readonly by: string; readonly detail: string }
  | { readonly kind: 'model_added' | 'model_removed'; readonly model: string; readonly by: string };

/** A recipe and the package that is to decide for it. */
interface Change {
  readonly recipe: string;
  readonly configuredModel: string;
  readonly package: ModelPackage;
}

export class ModelDesk implements ModelControl, ModelReports {
  private readonly options: ModelDeskOptions;
  private readonly turns = new Turns();

  constructor(options: ModelDeskOptions) {
    this.options = options;
  }

  async list(): Promise<readonly ModelListing[]> {
    const inUse = await this.inUse();
    const listings = await this.options.repository.list();
    return listings.map((listing) => ({ ...listing, recipes: inUse.get(`${listing.name}/${listing.version}`) ?? [] }));
  }

  async describe(name: string, version: string | null): Promise<ModelDescription> {
    const { manifest } = await this.options.repository.load(name, version);
    const recipes = (await this.inUse()).get(`${manifest.name}/${manifest.version}`) ?? [];
    const { sha256, created_at: createdAt } = manifest;
    const hasReport = await this.options.repository.hasReport(name, manifest.version);
    return { name, version: manifest.version, sha256, createdAt, recipes, fault: null, hasReport, manifest };
  }

  report(name: string, version: string): Promise<ModelReport> {
    return this.options.repository.report(name, version);
  }

  activations(): Promise<readonly Activation[]> {
    return this.options.journal.read();
  }

  activate(request: ActivateRequest, by: string): Promise<readonly Activated[]> {
    return this.inTurn(async () => {
      const found = await this.options.repository.load(request.name, request.version);
      const recipes = this.recipesFor(request);
      const changes = recipes.map((recipe) => ({ ...recipe, package: found }));
      return this.change(changes, 'activate', by);
    });
  }

  rollback(recipe: string | null, by: string, seen: number | null = null): Promise<readonly Activated[]> {
    return this.inTurn(async () => {
      const entries = await this.options.journal.read();
      const id = recipe ?? this.onlyRecipe();
      const { configuredModel } = this.unpinned(id);
      const last = entries.findLast((entry) => entry.recipe === id);
      if (seen !== null && last !== undefined && last.seq !== seen) {
        // Two who go back at once would go back two models.
        const now = `${last.to.name}/${last.to.version}`;
        throw new LoupeError(
          'cuts_changed',
          `${last.by} put ${now} to work for recipe ${id} since you looked; look again`,
        );
      }
      const former = formerOf(entries, id, configuredModel);
      if (former === undefined) {
        throw new LoupeError('model_not_found', `recipe ${id} has no earlier model to go back to`);
      }
      const found = await this.options.repository.load(former.name, former.version);
      if (found.manifest.sha256 !== former.sha256) {
        throw new LoupeError(
          'model_refused',
          `${former.name}/${former.version} was active with SHA-256 ${former.sha256}; the folder now holds ${found.manifest.sha256}`,
        );
      }
      return this.change([{ recipe: id, configuredModel, package: found }], 'rollback', by);
    });
  }

  async goldenReport(name: string, version: string | null): Promise<GoldenReport> {
    return this.options.workplace.goldenReport(await this.options.repository.load(name, version));
  }

  add(folder: string, by: string): Promise<ModelListing> {
    return this.inTurn(async () => {
      const added = await this.options.repository.add(folder);
      this.options.onEvent({ kind: 'model_added', model: `${added.name}/${added.version}`, by });
      return added;
    });
  }

  remove(name: string, version: string, by: string): Promise<void> {
    return this.inTurn(async () => {
      const recipes = (await this.inUse()).get(`${name}/${version}`);
      if (recipes !== undefined) {
        throw new LoupeError(
          'model_in_use',
          `${name}/${version} decides for ${recipes.join(', ')}; activate another first`,
        );
      }
      const shadowed = this.options.shadowed(name, version);
      const besides = shadowed.flatMap(({ recipe, isProven }) => (isProven ? [recipe] : []));
      if (besides.length > 0) {
        throw new LoupeError(
          'model_in_use',
          `${name}/${version} is the shadow of ${besides.join(', ')}; stop the shadow first`,
        );
      }
      const [candidate] = shadowed;
      if (candidate !== undefined) {
        throw new LoupeError(
          'model_in_use',
          `${name}/${version} is being proven as a shadow of ${candidate.recipe}; wait until that is over`,
        );
      }
      await this.options.repository.remove(name, version);
      this.options.onEvent({ kind: 'model_removed', model: `${name}/${version}`, by });
    });
  }

  /** Changes come one after the other, and each waits until the engines of the one before are gone. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.take(async () => {
      await this.options.workplace.drained();
      return work();
    });
  }

  private async change(
    changes: readonly Change[],
    kind: 'activate' | 'rollback',
    by: string,
  ): Promise<readonly Activated[]> {
    const { config, journal, cutJournal, workplace } = this.options;
    const startedAt = performance.now();
    const standing = await this.standing(changes);
    if (standing !== null) return standing;
    const cutEntries = await cutJournal.read();
    const packaged = changes.map(({ recipe, package: found }) => {
      const settings = config.recipes[recipe];
      if (settings === undefined) throw new Error(`no recipe ${recipe}`);
      return packagedRecipe(recipe, settings, found, cutEntries);
    });
    let written: readonly Activation[] = [];
    try {
      await workplace.switchTo(packaged, async () => {
        const before = await journal.read();
        const at = this.options.now();
        written = await journal.append(
          changes.map(({ recipe, configuredModel, package: { engineModel } }): NewEntry => {
            const { name, version, sha256 } = engineModel;
            const from = currentOf(before, recipe, configuredModel)?.to ?? null;
            return { at, by, kind, recipe, configuredModel, from, to: { name, version, sha256 } };
          }),
        );
      });
    } catch (error) {
      const model = packaged[0]?.recipe.lane ?? '';
      this.options.onEvent({
        kind: 'model_activation_refused',
        model,
        by,
        detail: messageOf(error),
      });
      throw error;
    }
    const ms = performance.now() - startedAt;
    return written.map((activation, i) => {
      this.options.onEvent({ kind: 'model_activated', activation, ms });
      return { activation, cuts: packaged[i]?.recipe.cuts ?? { passBelow: 0, failAbove: 0 } };
    });
  }

  /** What is asked for, where it is so already: nothing is to be done then, and nothing is noted. */
  private async standing(changes: readonly Change[]): Promise<readonly Activated[] | null> {
    const entries = await this.options.journal.read();
    const cutEntries = await this.options.cutJournal.read();
    const standing: Activated[] = [];
    for (const { recipe, configuredModel, package: found } of changes) {
      const activation = currentOf(entries, recipe, configuredModel);
      const settings = this.options.config.recipes[recipe];
      if (settings === undefined || activation === undefined || !sameModel(activation.to, found.engineModel))
        return null;
      standing.push({ activation, cuts: packagedRecipe(recipe, settings, found, cutEntries).recipe.cuts });
    }
    return standing;
  }

  private recipesFor({ name, recipe }: ActivateRequest): readonly Pick<Change, 'recipe' | 'configuredModel'>[] {
    if (recipe !== null) return [this.unpinned(recipe)];
    const recipes = Object.entries(this.options.config.recipes);
    const named = recipes.filter(([, { model }]) => model === name);
    const open = named.filter(([, { version }]) => version === null);
    if (open.length > 0) return open.map(([id, { model }]) => ({ recipe: id, configuredModel: model }));
    if (named.length > 0) {
      const ids = named.map(([id]) => id).join(', ');
      throw new LoupeError('model_in_use', `the configuration pins the version of ${name} for ${ids}: change it there`);
    }
    throw new LoupeError(
      'model_not_found',
      `no recipe is configured with ${name}; say which recipe it is for: ${recipes.map(([id]) => id).join(', ')}`,
    );
  }

  private unpinned(id: string): Pick<Change, 'recipe' | 'configuredModel'> {
    const recipe = this.options.config.recipes[id];
    if (recipe === undefined) {
      const there = Object.keys(this.options.config.recipes).join(', ');
      throw new LoupeError('model_not_found', `no recipe "${id}"; there are: ${there}`);
    }
    if (recipe.version !== null) {
      throw new LoupeError(
        'model_in_use',
        `the configuration pins recipe ${id} to version ${recipe.version}: change it there`,
      );
    }
    return { recipe: id, configuredModel: recipe.model };
  }

  private onlyRecipe(): string {
    const ids = Object.keys(this.options.config.recipes);
    const [only] = ids;
    if (only !== undefined && ids.length === 1) return only;
    throw new LoupeError('invalid_request', `say which recipe: ${ids.join(', ')}`);
  }

  /** Recipes by `name/version` of the package that decides for them. */
  private async inUse(): Promise<Map<string, string[]>> {
    const entries = await this.options.journal.read();
    const inUse = new Map<string, string[]>();
    for (const [id, recipe] of Object.entries(this.options.config.recipes)) {
      const current = currentOf(entries, id, recipe.model)?.to;
      const model =
        recipe.version === null
          ? `${current?.name ?? recipe.model}/${current?.version ?? ''}`
          : `${recipe.model}/${recipe.version}`;
      inUse.set(model, [...(inUse.get(model) ?? []), id]);
    }
    return inUse;
  }
}
