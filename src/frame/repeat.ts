/** Whether a frame is the one that was recorded under its name. */

import type { Frame, Roi } from './frame.ts';
import type { RecordedResult } from './verdict.ts';

export const OTHER_BYTES = 'with other image bytes';

/**
 * How `frame` is another one than `earlier`, which has its name; null where it is the same again. A region or a recipe counts where the frame
 * names it: what one says of one region answers no question about another, while the camera's own may have been changed since.
 */
export function otherThan(frame: Frame, earlier: RecordedResult): string | null {
  const { roi, recipeId } = frame;
  if (frame.imageSha256 !== earlier.imageSha256) return OTHER_BYTES;
  if (recipeId !== null && recipeId !== earlier.recipeId) return `for recipe "${earlier.recipeId}"`;
  // Of one that no engine looked at the ledger keeps no region; it is no PASS.
  if (roi === null || earlier.modelInput === null || isSame(roi, earlier.modelInput.roi)) return null;
  return 'for another region';
}

function isSame(a: Roi, b: Roi | null): boolean {
  return b !== null && a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}
