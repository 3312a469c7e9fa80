/** What is said of models on every road: which there are, which of them decide, and how that came to be. */

export interface ModelVersion {
  readonly name: string;
  readonly version: string;
  /** Of model.onnx, lower-case hex. */
  readonly sha256: string;
}

export function sameModel(a: ModelVersion | undefined, b: ModelVersion): boolean {
  return a?.name === b.name && a.version === b.version && a.sha256 === b.sha256;
}

/** Which model decides about the frames of one recipe, since when and by whose will. */
export interface Activation {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Who asked: the name of a token, a user of this machine, or `service` where it started for the first time. */
  readonly by: string;
  readonly kind: 'first_start' | 'activate' | 'rollback';
  readonly recipe: string;
  readonly from: ModelVersion | null;
  readonly to: ModelVersion;
}

/** One package of the repository, as a list shows it. */
export interface ModelListing {
  readonly name: string;
  readonly version: string;
  /** Null where the package cannot be read. */
  readonly sha256: string | null;
  readonly createdAt: string | null;
  /** Recipes that it decides for. */
  readonly recipes: readonly string[];
  /** What is wrong with the package; null when nothing is. */
  readonly fault: string | null;
  /** Whether the package says in a report how good it is. */
  readonly hasReport: boolean;
}

/** What the maker of a model says of how good it is: of whoever made the package. */
export interface ModelReport {
  readonly kind: 'html' | 'markdown';
  readonly text: string;
}

/** A package in full: its manifest as it stands on disk, and what it does here. */
export interface ModelDescription extends ModelListing {
  readonly manifest: unknown;
}

export interface GoldenScore {
  readonly file: string;
  readonly expected: number;
  /** What the engine on this machine gave. */
  readonly scored: number;
}

/** How a model did on its golden images at the last check on this machine. */
export interface GoldenReport {
  readonly name: string;
  readonly version: string;
  readonly provider: string;
  /** Milliseconds since 1970. */
  readonly checkedAt: number;
  readonly isOk: boolean;
  readonly tolerance: number;
  /** The largest absolute difference; null where an image could not be scored. */
  readonly maxError: number | null;
  /** Why it is not ok; null when it is. */
  readonly detail: string | null;
  readonly scores: readonly GoldenScore[];
}

/** What an activation or a rollback did to one recipe. */
export interface Activated {
  readonly activation: Activation;
  /** The cuts that now judge: the recipe's own, or those its new model suggests. */
  readonly cuts: { readonly passBelow: number; readonly failAbove: number };
}

export interface ActivateRequest {
  readonly name: string;
  /** Null: the highest. */
  readonly version: string | null;
  /** Null: every recipe that is configured with this model and pins no version. */
  readonly recipe: string | null;
}

/**
 * The life of models, as the doors of the service offer it. Everything here throws LoupeError: model_not_found,
 * model_exists, model_in_use, model_refused, invalid_request.
 */
export interface ModelControl {
  list(): Promise<readonly ModelListing[]>;
  describe(name: string, version: string | null): Promise<ModelDescription>;
  /** Oldest first. */
  activations(): Promise<readonly Activation[]>;
  activate(request: ActivateRequest, by: string): Promise<readonly Activated[]>;
  /**
   * Back to the model that decided before the one that does now.
   * @param seen `seq` of the last activation of the recipe that the asker knew; where there is a later one, cuts_changed
   */
  rollback(recipe: string | null, by: string, seen?: number | null): Promise<readonly Activated[]>;
  goldenReport(name: string, version: string | null): Promise<GoldenReport>;
  /** Takes a package in. `folder` holds model.onnx, manifest.json and golden/; it is copied. */
  add(folder: string, by: string): Promise<ModelListing>;
  remove(name: string, version: string, by: string): Promise<void>;
}

export interface ModelReports {
  /** @throws LoupeError model_not_found, also where the package has no report */
  report(name: string, version: string): Promise<ModelReport>;
}
