/** Scores to the points of the report's curves. Pure. */

import { BINS, binOf, type ScoredImage } from '../measures.ts';
import type { Point } from './chart.ts';

export interface Curves {
  /** False reject rate against share of defects found. */
  readonly roc: readonly Point[];
  /** Share of defects found against precision. */
  readonly precisionRecall: readonly Point[];
  /** Cut against the share of defects below it, and of good parts at or above it. */
  readonly escapes: readonly Point[];
  readonly falseRejects: readonly Point[];
}

/** @param images highest probability first, both classes present */
export function curvesOf(images: readonly ScoredImage[]): Curves {
  const all = images.filter((image) => image.isDefective).length;
  const good = images.length - all;
  const roc: Point[] = [[0, 0]];
  const precisionRecall: Point[] = [];
  const escapes: Point[] = [[1, 1]];
  const falseRejects: Point[] = [[1, 0]];
  let found = 0;
  let rejected = 0;
  for (const [i, image] of images.entries()) {
    if (image.isDefective) found++;
    else rejected++;
    if (images[i + 1]?.probability === image.probability) continue;
    roc.push([rejected / good, found / all]);
    precisionRecall.push([found / all, found / (found + rejected)]);
    escapes.push([image.probability, 1 - found / all]);
    falseRejects.push([image.probability, rejected / good]);
  }
  return { roc, precisionRecall, escapes: [...escapes, [0, 0]], falseRejects: [...falseRejects, [0, 1]] };
}

/** What one part costs on average, at each cut, where an escape costs `ratio` false rejects. */
export function costCurve(images: readonly ScoredImage[], ratio: number): readonly Point[] {
  const { escapes, falseRejects } = curvesOf(images);
  const bad = images.filter((image) => image.isDefective).length / images.length;
  return escapes.map(([cut, escaped], i) => [cut, ratio * bad * escaped + (1 - bad) * (falseRejects[i]?.[1] ?? 0)]);
}

/** Mean probability against share of defects, for each bin that holds images, lowest first. */
export function reliability(images: readonly ScoredImage[]): readonly Point[] {
  return Array.from({ length: BINS }, (_, bin) => images.filter((image) => binOf(image.probability) === bin))
    .filter((inside) => inside.length > 0)
    .map((inside) => [
      inside.reduce((sum, image) => sum + image.probability, 0) / inside.length,
      inside.filter((image) => image.isDefective).length / inside.length,
    ]);
}

/** Share of the class in each of 20 bins of probability. */
export function densities(images: readonly ScoredImage[], isDefective: boolean): readonly number[] {
  const counts = Array.from({ length: 20 }, () => 0);
  const chosen = images.filter((image) => image.isDefective === isDefective);
  for (const { probability } of chosen) {
    const bin = Math.min(Math.floor(probability * 20), 19);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.map((count) => count / Math.max(chosen.length, 1));
}
