/** What a camera last said and how often it said it: one retained message per camera, at most one a second. */

import type { CameraId } from '../frame/frame.ts';
import { type RecordedResult, type Verdict, VERDICTS } from '../frame/verdict.ts';

export const STATE_SCHEMA = 'loupe.camera-state/1';

interface State {
  last: RecordedResult;
  readonly totals: Record<Verdict, number>;
  isDirty: boolean;
}

export interface CamerasTold {
  /** Never forgotten. */
  readonly listed: ReadonlySet<string>;
  /** How many others are remembered: their ids come from outside and may be anything. */
  readonly maxOthers: number;
}

/** Bounded: of the cameras not listed, the one longest silent makes room, here and on the broker. */
export class CameraStates {
  private readonly cameras: CamerasTold;
  /** The one longest silent first. */
  private readonly states = new Map<CameraId, State>();
  /** Their retained messages are still to be taken away. */
  private readonly forgotten = new Set<CameraId>();
  private readonly since: string;

  /** @param now milliseconds since 1970: the totals count from here */
  constructor(now: number, cameras: CamerasTold) {
    this.since = new Date(now).toISOString();
    this.cameras = cameras;
  }

  note(result: RecordedResult): void {
    const state = this.states.get(result.cameraId) ?? {
      last: result,
      totals: { PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 0 },
      isDirty: true,
    };
    // Sent again after a lost acknowledgement, or overtaken: counted once.
    const isKnown = this.states.delete(result.cameraId);
    this.states.set(result.cameraId, state);
    if (isKnown && result.ledgerSeq <= state.last.ledgerSeq) return;
    state.last = result;
    state.totals[result.verdict] += 1;
    state.isDirty = true;
    this.forgotten.delete(result.cameraId);
    if (!isKnown && !this.cameras.listed.has(result.cameraId)) this.makeRoom();
  }

  /** A new broker, or one that was restarted, knows nothing. */
  touchAll(): void {
    for (const state of this.states.values()) state.isDirty = true;
  }

  get hasDirty(): boolean {
    return this.forgotten.size > 0 || [...this.states.values()].some((state) => state.isDirty);
  }

  /** The messages to be published now; they count as published. An empty one takes away what is retained. */
  takeDirty(isReady: boolean): readonly { readonly cameraId: CameraId; readonly payload: string }[] {
    const gone = [...this.forgotten].map((cameraId) => ({ cameraId, payload: '' }));
    this.forgotten.clear();
    const dirty = [...this.states]
      .filter(([, state]) => state.isDirty)
      .map(([cameraId, state]) => {
        state.isDirty = false;
        return { cameraId, payload: JSON.stringify(stateJson(state, this.since, isReady)) };
      });
    return [...gone, ...dirty];
  }

  private makeRoom(): void {
    const { listed, maxOthers } = this.cameras;
    const others = [...this.states.keys()].filter((cameraId) => !listed.has(cameraId));
    const [silent] = others;
    if (silent === undefined || others.length <= maxOthers) return;
    this.states.delete(silent);
    this.forgotten.add(silent);
    // A broker that hears nothing of states is not told of all that went meanwhile.
    const [first] = this.forgotten;
    if (this.forgotten.size > maxOthers && first !== undefined) this.forgotten.delete(first);
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
