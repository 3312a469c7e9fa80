/**
 * The cuts while the service runs, or beside a stopped one: which judge, who chose them and why. A change stands in the journal
 * before it takes effect, and takes effect at once; one change at a time.
 */

import { createHash } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { LoupeError } from '../errors.ts';
import {
  type CutChange,
  type CutsControl,
  faultOfCuts,
  type RecipeCuts,
  type RevertCutsRequest,
  sameCuts,
  type SetCutsRequest,
} from '../frame/cuts.ts';
import type { Cuts } from '../frame/verdict.ts';
import type { CutEntry, CutJournal } from '../model-repository/cut-journal.ts';
import type { ModelPackage } from '../model-repository/package.ts';
import { Turns } from '../turns.ts';
import { configuredCuts, packagedRecipe, type PackagedRecipe } from './packaged-recipes.ts';

export interface CutsEvent {
  readonly kind: 'cuts_changed';
  readonly change: CutChange;
}

export interface CutsDeskOptions {
  readonly config: Config;
  readonly journal: CutJournal;
  /** Each recipe with the package that decides for it. */
  atWork(): Promise<readonly (readonly [string, ModelPackage])[]>;
  /** Judges by `cuts` from now on. False where the recipe has another lane by now. */
  use(recipeId: string, lane: string, cuts: Cuts): boolean;
  now(): number;
  onEvent(event: CutsEvent): void;
}

const MAX_REASON = 500;

export class CutsDesk implements CutsControl {
  private readonly options: CutsDeskOptions;
  private readonly turns = new Turns();

  constructor(options: CutsDeskOptions) {
    this.options = options;
  }

  async list(): Promise<readonly RecipeCuts[]> {
    const entries = await this.options.journal.read();
    return (await this.recipes(entries)).map((packaged) => viewOf(packaged, entries));
  }

  async history(recipe: string | null): Promise<readonly CutChange[]> {
    if (recipe !== null) this.settingsOf(recipe);
    const entries = await this.options.journal.read();
    return entries.filter((entry) => recipe === null || entry.recipe === recipe).map(changeOf);
  }

  set({ recipe, cuts, reason, revision }: SetCutsRequest, by: string): Promise<RecipeCuts> {
    const fault = faultOfCuts(cuts);
    if (fault !== null) return Promise.reject(new LoupeError('invalid_request', fault));
    return this.turns.take(async () => {
      const { packaged, entries } = await this.current(recipe, revision);
      if (sameCuts(packaged.recipe.cuts, cuts)) {
        throw new LoupeError(
          'invalid_request',
          `recipe ${recipe} is judged by these cuts already; nothing was changed`,
        );
      }
      return this.change(packaged, entries, { kind: 'set', to: cuts, reason, by });
    });
  }

  revert({ recipe, reason, revision }: RevertCutsRequest, by: string): Promise<RecipeCuts> {
    return this.turns.take(async () => {
      const { packaged, entries } = await this.current(recipe, revision);
      if (packaged.cutChanges.length === 0) {
        throw new LoupeError('invalid_request', `recipe ${recipe} has no change of cuts to take back under its model`);
      }
      const to = packaged.cutChanges.at(-2)?.to ?? packaged.baseCuts;
      return this.change(packaged, entries, { kind: 'revert', to, reason, by });
    });
  }

  private async change(
    packaged: PackagedRecipe,
    entries: readonly CutEntry[],
    wish: { readonly kind: 'set' | 'revert'; readonly to: Cuts; readonly reason: string; readonly by: string },
  ): Promise<RecipeCuts> {
    const { options } = this;
    const { recipe } = packaged;
    const { kind, to, by } = wish;
    const reason = wish.reason.trim();
    if (reason === '' || reason.length > MAX_REASON) {
      throw new LoupeError('invalid_request', `reason: expected 1 to ${MAX_REASON} characters that say why`);
    }
    const { name, version, sha256 } = packaged.package.engineModel;
    const model = { name, version, sha256 };
    const configured = configuredCuts(this.settingsOf(recipe.id));
    const from = recipe.cuts;
    const added = await options.journal
      .append([{ at: options.now(), by, kind, recipe: recipe.id, model, configured, from, to, reason }])
      .catch((error: unknown) => {
        throw new LoupeError('store_unavailable', `the change could not be noted and was not made: ${String(error)}`, {
          cause: error,
        });
      });
    if (!options.use(recipe.id, recipe.lane, to)) {
      throw new LoupeError(
        'cuts_changed',
        `another model took over recipe ${recipe.id} meanwhile; the cuts are noted for ${recipe.lane}`,
      );
    }
    for (const entry of added) options.onEvent({ kind: 'cuts_changed', change: changeOf(entry) });
    const after = [...entries, ...added];
    const settings = this.settingsOf(recipe.id);
    return viewOf(packagedRecipe(recipe.id, settings, packaged.package, after), after);
  }

  private async current(
    recipe: string,
    revision: string | null,
  ): Promise<{ readonly packaged: PackagedRecipe; readonly entries: readonly CutEntry[] }> {
    this.settingsOf(recipe);
    const entries = await this.options.journal.read();
    const packaged = (await this.recipes(entries)).find((one) => one.recipe.id === recipe);
    if (packaged === undefined) throw new LoupeError('recipe_not_found', `no model decides for recipe "${recipe}"`);
    const { revision: standing } = viewOf(packaged, entries);
    if (revision !== null && revision !== standing) {
      throw new LoupeError(
        'cuts_changed',
        `model or cuts of recipe ${recipe} were changed since you looked; look again (now ${packaged.recipe.lane}, ${textOf(packaged.recipe.cuts)})`,
      );
    }
    return { packaged, entries };
  }

  private async recipes(entries: readonly CutEntry[]): Promise<readonly PackagedRecipe[]> {
    const atWork = await this.options.atWork();
    return atWork.map(([id, found]) => packagedRecipe(id, this.settingsOf(id), found, entries));
  }

  private settingsOf(recipe: string): Config['recipes'][string] {
    const { recipes } = this.options.config;
    const settings = Object.hasOwn(recipes, recipe) ? recipes[recipe] : undefined;
    if (settings !== undefined) return settings;
    throw new LoupeError('recipe_not_found', `no recipe "${recipe}"; there are: ${Object.keys(recipes).join(', ')}`);
  }
}

function viewOf(packaged: PackagedRecipe, entries: readonly CutEntry[]): RecipeCuts {
  const { recipe, package: found, cutsSource: source, baseCuts: base, cutChanges } = packaged;
  const { name, version, sha256 } = found.engineModel;
  const inForce = cutChanges.at(-1);
  const lastSeq = entries.findLast((entry) => entry.recipe === recipe.id)?.seq ?? 0;
  const basis = JSON.stringify([recipe.id, name, version, sha256, recipe.cuts, lastSeq]);
  return {
    recipe: recipe.id,
    model: { name, version, sha256 },
    cuts: recipe.cuts,
    source,
    base,
    revision: createHash('sha256').update(basis).digest('hex').slice(0, 16),
    change: inForce === undefined ? null : changeOf(inForce),
  };
}

function changeOf({ configured: _configured, ...change }: CutEntry): CutChange {
  return change;
}

const textOf = ({ passBelow, failAbove }: Cuts) => `PASS below ${passBelow}, FAIL from ${failAbove}`;
