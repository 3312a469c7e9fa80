/** Drift of every camera; bounded, the one longest unseen makes room. */

import { type Baseline, CameraDrift, type DriftCondition, type DriftState, type Seen } from './camera-drift.ts';

const MAX_CAMERAS = 256;

export interface DriftWatchOptions {
  /** Inspected frames that make a baseline; 0 switches all of it off. */
  readonly baselineFrames: number;
  /** Kept from before, by camera. */
  readonly baselines: ReadonlyMap<string, Baseline>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Baselines were frozen or given up: all that stand now. */
  onChanged(baselines: ReadonlyMap<string, Baseline>): void;
}

export class DriftWatch {
  private readonly options: DriftWatchOptions;
  private readonly cameras = new Map<string, CameraDrift>();

  constructor(options: DriftWatchOptions) {
    this.options = options;
    for (const [cameraId, baseline] of options.baselines) this.cameras.set(cameraId, this.fresh(baseline));
  }

  note(cameraId: string, seen: Seen): void {
    if (this.options.baselineFrames === 0) return;
    const camera = this.cameras.get(cameraId) ?? this.fresh(null);
    this.cameras.delete(cameraId);
    this.cameras.set(cameraId, camera);
    const [oldest] = this.cameras.keys();
    if (this.cameras.size > MAX_CAMERAS && oldest !== undefined) this.cameras.delete(oldest);
    if (camera.note(seen)) this.tell();
  }

  /** Null for a camera that was not seen. */
  state(cameraId: string): DriftState | null {
    return this.cameras.get(cameraId)?.state() ?? null;
  }

  states(): ReadonlyMap<string, DriftState> {
    return new Map([...this.cameras].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, camera]) => [id, camera.state()]));
  }

  /**
   * The next frames make a new baseline.
   * @param cameraId null: of every camera
   * @returns the cameras that learn anew; none where there is no such camera
   */
  relearn(cameraId: string | null): readonly string[] {
    const ids = [...this.cameras.keys()].filter((id) => cameraId === null || id === cameraId);
    for (const id of ids) this.cameras.get(id)?.relearn();
    if (ids.length > 0) this.tell();
    return ids.sort();
  }

  private fresh(baseline: Baseline | null): CameraDrift {
    return new CameraDrift(this.options.baselineFrames, baseline, () => this.options.now());
  }

  private tell(): void {
    const kept = [...this.cameras].flatMap(([id, { baseline }]) =>
      baseline === null ? [] : [[id, baseline] as const],
    );
    this.options.onChanged(new Map(kept));
  }
}

/** What a person should know, in one sentence. */
export function sentenceOf(cameraId: string, condition: DriftCondition): string {
  const camera = `Camera ${cameraId}`;
  const percent = (share: number) => `${Math.round(Math.abs(share) * 100)} %`;
  switch (condition.kind) {
    case 'brightness':
      return `${camera} is ${condition.ratio < 0 ? 'darker' : 'brighter'} than its baseline by ${percent(condition.ratio)}.`;
    case 'contrast':
      return `${camera} has ${condition.ratio < 0 ? 'less' : 'more'} contrast than its baseline, by ${percent(condition.ratio)}.`;
    case 'focus':
      return `${camera} is less sharp than its baseline by ${percent(condition.ratio)}.`;
    case 'frozen':
      return `${camera} has sent the very same picture ${condition.frames} times in a row.`;
    case 'scores':
      return `${camera}: the scores are spread otherwise than in its baseline (PSI ${condition.psi.toFixed(2)}).`;
    case 'rejects':
      return `${camera} rejects ${(condition.share * 100).toFixed(1)} % of its parts, usual are ${(condition.usual * 100).toFixed(1)} %.`;
  }
}
