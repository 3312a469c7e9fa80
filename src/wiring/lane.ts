/**
 * The engines of one model version and the frames that are theirs. When another model takes over, a lane ends with its last
 * frame and not before: what started on a model finishes on it.
 */

import type { EnginePool } from '../engine/pool.ts';
import type { Engines } from '../pipeline.ts';

export class Lane implements Engines {
  /** `name/version`. */
  readonly key: string;
  readonly pool: EnginePool;
  private frames = 0;
  private onEmpty: (() => void) | undefined;

  constructor(key: string, pool: EnginePool) {
    this.key = key;
    this.pool = pool;
  }

  kick(): void {
    this.pool.kick();
  }

  whyDown(): string | null {
    return this.pool.status().down;
  }

  entered(): void {
    this.frames++;
  }

  left(): void {
    this.frames--;
    if (this.frames === 0) this.onEmpty?.();
  }

  /** Waits for the last frame, which leaves at its deadline at the latest, then ends the engines. Give it no further frame. */
  async retire(): Promise<void> {
    if (this.frames > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
    await this.pool.stop();
  }
}
