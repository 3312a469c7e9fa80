/** The parts that come along a simulated line, one after another. */

import { DEFECTS, type Defect } from './defect.ts';
import { drawPart, PART_SIZE } from './part.ts';
import { randomFrom } from './random.ts';

export interface DemoPart {
  readonly defect: Defect;
  /** uint8 HWC, RGB. */
  readonly pixels: Uint8Array;
  /** Edge length in pixels. */
  readonly size: number;
}

/** Seeds below this are the training set's: a demo never shows a part that the model has learned from. */
export const FIRST_DEMO_SEED = 1_000_000;

/**
 * Part number `index` of a line: the same for the same arguments.
 * @param defectRatio share of defective parts, 0..1
 * @param line tells one camera's parts from another's
 */
export function nextPart(index: number, defectRatio: number, line = 0): DemoPart {
  const seed = FIRST_DEMO_SEED + line * 10_000_019 + index;
  const random = randomFrom(seed ^ 0x5bd1e995);
  const defect = random() < defectRatio ? (DEFECTS[Math.floor(random() * DEFECTS.length)] ?? 'scratch') : 'none';
  return { defect, pixels: drawPart(seed, defect), size: PART_SIZE };
}
