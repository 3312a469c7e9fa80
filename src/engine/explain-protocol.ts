/** What is asked of the process that explains, and what it answers (structured clone over IPC). */

import type { UninspectedReason } from '../errors.ts';
import type { Image, Roi } from '../frame/frame.ts';
import type { HeatMap } from '../frame/heat-map.ts';
import type { Score } from '../frame/score.ts';
import type { EngineFailed, EngineSettings } from './protocol.ts';

export interface ExplainRequest {
  readonly kind: 'explain';
  readonly id: number;
  readonly image: Image;
  readonly roi: Roi | null;
  readonly wantsMap: boolean;
  /** Nobody waits for it: rests between runs, so that cores are left to the line. */
  readonly isPaced: boolean;
}

export type ToExplainer = { readonly kind: 'start'; readonly settings: EngineSettings } | ExplainRequest;

export type Explained =
  | (Score & { readonly kind: 'explained'; readonly heatMap: HeatMap | null })
  /** The picture cannot be scored: what a frame would be UNINSPECTED for. */
  | { readonly kind: 'faulted'; readonly reason: UninspectedReason; readonly detail: string };

export type FromExplainer =
  | { readonly kind: 'ready' }
  | EngineFailed
  | { readonly kind: 'answer'; readonly id: number; readonly explained: Explained };
