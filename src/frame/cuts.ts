/** What is said of cuts on every road: which judge a recipe's frames, where they come from, who changed them and why. */

import type { ModelVersion } from './models.ts';
import type { Cuts } from './verdict.ts';

/** One change of one recipe's cuts, as the journal keeps it. */
export interface CutChange {
  /** 1, 2, 3 … without gaps, over all recipes. */
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Who signed it; `service` where the configuration was changed meanwhile. */
  readonly by: string;
  readonly kind: 'set' | 'revert' | 'configuration';
  readonly recipe: string;
  /** Cuts belong to a recipe and the model that scores its frames: another model starts with its own. */
  readonly model: ModelVersion;
  readonly from: Cuts;
  /** Null: those that the model suggests. */
  readonly to: Cuts | null;
  readonly reason: string;
}

/** The cuts that judge the frames of one recipe now. */
export interface RecipeCuts {
  readonly recipe: string;
  readonly model: ModelVersion;
  readonly cuts: Cuts;
  /** `chosen`: set while the service ran; `configuration`: of the file; `model`: as the model suggests. */
  readonly source: 'chosen' | 'configuration' | 'model';
  /** What judges once every change is taken back. */
  readonly base: Cuts;
  /** Changes again with every change of model or cuts; a request that names another one is refused. */
  readonly revision: string;
  /** The change in force; null where there is none. */
  readonly change: CutChange | null;
}

export interface SetCutsRequest {
  readonly recipe: string;
  readonly cuts: Cuts;
  readonly reason: string;
  /** What the asker saw; null asks for no check. */
  readonly revision: string | null;
}

export interface RevertCutsRequest {
  readonly recipe: string;
  readonly reason: string;
  readonly revision: string | null;
}

/**
 * The cuts, as the doors of the service offer them. Everything here throws LoupeError: recipe_not_found, invalid_request,
 * cuts_changed, store_unavailable.
 */
export interface CutsControl {
  list(): Promise<readonly RecipeCuts[]>;
  /** Oldest first. @param recipe null: of all */
  history(recipe: string | null): Promise<readonly CutChange[]>;
  /** Durable, and at work for every frame that comes in from now on, when it resolves. */
  set(request: SetCutsRequest, by: string): Promise<RecipeCuts>;
  /** Back to the cuts before the change in force. */
  revert(request: RevertCutsRequest, by: string): Promise<RecipeCuts>;
}

/** What is wrong with two cuts; null when nothing is. */
export function faultOfCuts({ passBelow, failAbove }: Cuts): string | null {
  const isFraction = (value: number) => value >= 0 && value <= 1;
  if (isFraction(passBelow) && isFraction(failAbove) && passBelow <= failAbove) return null;
  return `expected 0 <= pass_below <= fail_above <= 1, got pass_below ${passBelow} and fail_above ${failAbove}`;
}

export function sameCuts(a: Cuts | null, b: Cuts | null): boolean {
  return a === b || (a?.passBelow === b?.passBelow && a?.failAbove === b?.failAbove);
}
