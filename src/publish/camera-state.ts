/** What a camera last said and how often it said it: one retained message per camera, at most one a second. */

import type { CameraId } from '../frame/frame.ts';
import { type RecordedResult, type Verdict, VERDICTS } from '../frame/verdict.ts';

export const STATE_SCHEMA = 'loupe.camera-state/1';

interface State {
  last: RecordedResult;
  readonly totals: Record<Verdict, number>;
  isDirty: boolean;
}

/** Bounded by the cameras that the service takes frames from. */
export class CameraStates {
  private readonly states = new Map<CameraId, State>();
  private readonly since: string;

  /** @param now milliseconds since 1970: the totals count from here */
  constructor(now: number) {
    this.since = new Date(now).toISOString();
  }

  note(result: RecordedResult): void {
    const state = this.states.get(result.cameraId) ?? {
      last: result,
      totals: { PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 0 },
      isDirty: true,
    };
    // Sent again after a lost acknowledgement, or overtaken: counted once.
    if (this.states.has(result.cameraId) && result.ledgerSeq <= state.last.ledgerSeq) return;
    state.last = result;
    state.totals[result.verdict] += 1;
    state.isDirty = true;
    this.states.set(result.cameraId, state);
  }

  /** A new broker, or one that was restarted, knows nothing. */
  touchAll(): void {
    for (const state of this.states.values()) state.isDirty = true;
  }

  get hasDirty(): boolean {
    return [...this.states.values()].some((state) => state.isDirty);
  }

  /** The messages to be published now; they count as published. */
  takeDirty(isReady: boolean): readonly { readonly cameraId: CameraId; readonly payload: string }[] {
    return [...this.states]
      .filter(([, state]) => state.isDirty)
      .map(([cameraId, state]) => {
        state.isDirty = false;
        return { cameraId, payload: JSON.stringify(stateJson(state, this.since, isReady)) };
      });
  }
}

function stateJson({ last, totals }: State, since: string, isReady: boolean): object {
  return {
    schema: STATE_SCHEMA,
    cameraId: last.cameraId,
    ready: isReady,
    lastVerdict: last.verdict,
    lastReason: last.reason,
    lastFrameId: last.frameId,
    lastResultId: last.resultId,
    lastDecidedAt: new Date(last.decidedAt).toISOString(),
    recipeId: last.recipeId,
    model: last.model,
    since,
    totals: Object.fromEntries(VERDICTS.map((verdict) => [verdict, totals[verdict]])),
  };
}
