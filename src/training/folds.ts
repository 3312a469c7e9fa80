/** Groups to folds: whole groups only, both classes spread as evenly as the groups allow. Pure. */

import { randomFrom, shuffled } from './random.ts';

export interface Grouped {
  readonly group: string;
  readonly isDefective: boolean;
}

/**
 * @returns the fold 0..folds-1 of each image. Groups are dealt largest first, each to the fold that has the fewest of its
 * rarer class.
 */
export function groupFolds(images: readonly Grouped[], folds: number, seed: number): number[] {
  const groups = new Map<string, { good: number; bad: number }>();
  for (const { group, isDefective } of images) {
    const counts = groups.get(group) ?? { good: 0, bad: 0 };
    if (isDefective) counts.bad++;
    else counts.good++;
    groups.set(group, counts);
  }
  const bad = images.filter((image) => image.isDefective).length || 1;
  const good = images.length - bad || 1;
  const load = Array.from({ length: folds }, () => ({ good: 0, bad: 0 }));
  const foldOf = new Map<string, number>();
  const order = shuffled([...groups], randomFrom(seed)).sort(([, a], [, b]) => b.good + b.bad - a.good - a.bad);
  for (const [name, counts] of order) {
    // Summed squares of the shares each fold would hold: least where the group evens things out most.
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [fold, { good: g, bad: b }] of load.entries()) {
      const added = ((g + counts.good) / good) ** 2 - (g / good) ** 2 + ((b + counts.bad) / bad) ** 2 - (b / bad) ** 2;
      if (added < least) [best, least] = [fold, added];
    }
    const chosen = load[best];
    if (chosen !== undefined) {
      chosen.good += counts.good;
      chosen.bad += counts.bad;
    }
    foldOf.set(name, best);
  }
  return images.map((image) => foldOf.get(image.group) ?? 0);
}
