/** Where in a picture a model saw what it calls a defect. */

import type { Roi } from './frame.ts';

export interface HeatMap {
  /** `activation_map`: the graph says so itself. `occlusion`: how much less of a defect is left where a spot is painted over. */
  readonly method: 'activation_map' | 'occlusion';
  readonly columns: number;
  readonly rows: number;
  /** Row by row from the upper left, 0 (nothing) to 1 (hottest), three digits. */
  readonly values: readonly number[];
  /** What the grid covers, as fractions of the picture; with `fit: contain` it reaches beyond 0..1. */
  readonly area: Roi;
  /** What the model said of the whole. */
  readonly probability: number;
}
