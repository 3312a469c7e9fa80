/** Frames that a camera says it took and that never came: a part nobody saw. Pure but for its memory. */

import type { CameraId } from '../frame/frame.ts';

const MAX_CAMERAS = 10_000;

export class SequenceGaps {
  private readonly highest = new Map<CameraId, bigint>();

  /**
   * How many frames are missing between the highest sequence number seen so far and this one. A late or repeated number
   * is no gap, and a number far below the highest is a camera that started again.
   */
  note(cameraId: CameraId, sequence: bigint): number {
    const highest = this.highest.get(cameraId);
    const restarted = highest !== undefined && sequence + 1000n < highest;
    if (highest === undefined || restarted || sequence > highest) this.remember(cameraId, sequence);
    if (highest === undefined || restarted || sequence <= highest + 1n) return 0;
    return Number(sequence - highest - 1n);
  }

  private remember(cameraId: CameraId, sequence: bigint): void {
    if (this.highest.size >= MAX_CAMERAS && !this.highest.has(cameraId)) this.highest.clear();
    this.highest.set(cameraId, sequence);
  }
}
