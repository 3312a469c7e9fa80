/** How often in a row the pictures of one camera are the very same: a camera that froze, while parts go by. */

import type { Roi } from './frame.ts';

/** What is asked of a picture: one may be asked for several regions, each a frame of its own. */
export interface Asked {
  readonly imageSha256: string;
  readonly recipeId: string | null;
  readonly roi: Roi | null;
}

/** Regions of one picture that are told apart; beyond them counting begins anew. */
const MAX_ASKED = 1000;

export class SamePicture {
  private imageSha256 = '';
  /** By recipe and region: how often, and for which frame last. */
  private readonly runs = new Map<string, { readonly frames: number; readonly lastId: string | null }>();

  /**
   * @param frameId of a frame that is tried again, and then no further part; null counts every time
   * @returns how many frames in a row, this one included, show the picture and ask for the same recipe and region
   */
  note({ imageSha256, recipeId, roi }: Asked, frameId: string | null): number {
    if (imageSha256 !== this.imageSha256 || this.runs.size > MAX_ASKED) this.runs.clear();
    this.imageSha256 = imageSha256;
    const asked = JSON.stringify([recipeId, roi]);
    const run = this.runs.get(asked);
    const isNext = run === undefined || frameId === null || frameId !== run.lastId;
    const frames = (run?.frames ?? 0) + (isNext ? 1 : 0);
    this.runs.set(asked, { frames, lastId: frameId });
    return frames;
  }
}
