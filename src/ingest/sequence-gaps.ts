/** Frames that a camera says it took and that never came: a part nobody saw. Pure but for its memory. */

import type { CameraId } from '../frame/frame.ts';

const MAX_CAMERAS = 10_000;
/** Below the highest number by more than this: the camera counts anew. */
const FAR_BELOW = 1000n;
/** Above it by more than this, nine hours at 30 frames a second: another count, or a number that is garbled; nothing was lost. */
const FAR_ABOVE = 1_000_000n;

export class SequenceGaps {
  private readonly highest = new Map<CameraId, bigint>();

  /**
   * How many frames are missing between the highest sequence number seen so far and this one. A late or repeated number
   * is no gap, and a number far from the highest is a camera that counts anew.
   */
  note(cameraId: CameraId, sequence: bigint): number {
    const highest = this.highest.get(cameraId);
    const ahead = highest === undefined ? null : sequence - highest;
    const countsAnew = ahead === null || ahead < -FAR_BELOW || ahead > FAR_ABOVE;
    if (countsAnew || ahead > 0n) this.remember(cameraId, sequence);
    return countsAnew || ahead <= 1n ? 0 : Number(ahead - 1n);
  }

  private remember(cameraId: CameraId, sequence: bigint): void {
    if (this.highest.size >= MAX_CAMERAS && !this.highest.has(cameraId)) this.highest.clear();
    this.highest.set(cameraId, sequence);
  }
}
