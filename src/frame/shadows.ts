/** What is said of shadows on every road: a candidate that scores what another model decides, and decides nothing itself. */

import type { ModelVersion } from './models.ts';
import type { Cuts, Verdict } from './verdict.ts';

export interface ShadowCounts {
  /** Same verdict as the model that decides. */
  readonly agreed: number;
  readonly disagreed: number;
  /** Not compared: the candidate was busy, and the line goes first. */
  readonly skipped: number;
  /** Frames that it could not score. */
  readonly failed: number;
  /** Disagreements of which no picture could be kept. */
  readonly unkept: number;
}

/** A candidate beside one recipe, since it was started or the service was. */
export interface ShadowState {
  readonly recipe: string;
  readonly model: ModelVersion;
  /** What it is judged by: the cuts that it would have were it activated. */
  readonly cuts: Cuts;
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly counts: ShadowCounts;
  /** Why its engine is not at work; null when it is. */
  readonly down: string | null;
}

export interface Judged {
  readonly verdict: Verdict;
  /** Null where it gave none. */
  readonly probability: number | null;
}

/** A frame on which the two differ. */
export interface Disagreement {
  /** Of the row in the ledger, which is what was answered. */
  readonly resultId: string;
  readonly recipe: string;
  readonly cameraId: string;
  readonly frameId: string;
  readonly partId: string | null;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly imageMediaType: string;
  readonly activeModel: string;
  readonly active: Judged;
  readonly candidateModel: string;
  readonly candidate: Judged;
}

export interface ShadowRequest {
  readonly name: string;
  /** Null: the highest. */
  readonly version: string | null;
  /** Null: the only recipe that is configured with this model. */
  readonly recipe: string | null;
}

/** Throws LoupeError: model_not_found, model_in_use, model_refused, recipe_not_found, invalid_request, store_unavailable. */
export interface ShadowControl {
  list(): Promise<readonly ShadowState[]>;
  /** Proves the candidate and sets it beside the recipe, in place of one that is there. */
  start(request: ShadowRequest, by: string): Promise<ShadowState>;
  /** Null: the only one there is. Returns it as it was at its end. */
  stop(recipe: string | null, by: string): Promise<ShadowState>;
  /** Newest first, of the candidate that is beside the recipe now. */
  disagreements(recipe: string, limit: number): Promise<readonly Disagreement[]>;
  /** Path of a disagreement's picture. */
  pictureFile(recipe: string, resultId: string): Promise<{ readonly file: string; readonly mediaType: string }>;
}
