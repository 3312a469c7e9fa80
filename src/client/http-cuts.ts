/** The cuts of a running service, over HTTP. */

import type { CutChange, CutsControl, RecipeCuts, RevertCutsRequest, SetCutsRequest } from '../frame/cuts.ts';
import type { HttpApi } from './http-api.ts';

/** Times travel as text. */
type ChangeOnWire = Omit<CutChange, 'at'> & { readonly at: string };
type RecipeOnWire = Omit<RecipeCuts, 'change'> & { readonly change: ChangeOnWire | null };

export class HttpCuts implements CutsControl {
  private readonly api: HttpApi;

  constructor(api: HttpApi) {
    this.api = api;
  }

  async list(): Promise<readonly RecipeCuts[]> {
    const { recipes } = await this.api.ask<{ recipes: RecipeOnWire[] }>('GET', '/api/v1/recipes');
    return recipes.map(recipeFrom);
  }

  async history(recipe: string | null): Promise<readonly CutChange[]> {
    const ids = recipe === null ? (await this.list()).map((one) => one.recipe) : [recipe];
    const changes = await Promise.all(
      ids.map((id) => this.api.ask<{ changes: ChangeOnWire[] }>('GET', `${pathOf(id)}/history`)),
    );
    return changes.flatMap((one) => one.changes.map(changeFrom)).sort((a, b) => a.seq - b.seq);
  }

  async set({ recipe, cuts, reason, revision }: SetCutsRequest, by: string): Promise<RecipeCuts> {
    return recipeFrom(await this.api.ask('POST', pathOf(recipe), { ...cuts, reason, revision, by }));
  }

  async revert({ recipe, reason, revision }: RevertCutsRequest, by: string): Promise<RecipeCuts> {
    return recipeFrom(await this.api.ask('POST', `${pathOf(recipe)}/revert`, { reason, revision, by }));
  }
}

const pathOf = (recipe: string) => `/api/v1/recipes/${encodeURIComponent(recipe)}/cuts`;

const changeFrom = (wire: ChangeOnWire): CutChange => ({ ...wire, at: Date.parse(wire.at) });

function recipeFrom(wire: RecipeOnWire): RecipeCuts {
  return { ...wire, change: wire.change === null ? null : changeFrom(wire.change) };
}
