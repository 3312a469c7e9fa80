/** How sure a share or an area is. Pure. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Of a normal distribution, 95 % two-sided. */
const Z95 = 1.959964;

/** Wilson's score interval, 95 %: of a share `p` that was seen in `n` independent cases. n = 0 says nothing: 0..1. */
export function wilson(p: number, n: number): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const centre = (p + (Z95 * Z95) / (2 * n)) / (1 + (Z95 * Z95) / n);
  const half = (Z95 * Math.sqrt((p * (1 - p)) / n + (Z95 * Z95) / (4 * n * n))) / (1 + (Z95 * Z95) / n);
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/**
 * Score interval of an area under the ROC curve, 95 %: says something of an area of 1, too. Newcombe, Statistics in Medicine 25
 * (2006) 559-573, method 5.
 * @param bad independent defective cases, at least one
 * @param good independent good cases, at least one
 */
export function areaInterval(area: number, bad: number, good: number): Interval {
  return { low: leastArea(area, bad, good), high: 1 - leastArea(1 - area, bad, good) };
}

/** The area that lies as far below `area` as chance reaches with it. */
function leastArea(area: number, bad: number, good: number): number {
  let [low, high] = [0, area];
  for (let halving = 0; halving < 50; halving++) {
    const middle = (low + high) / 2;
    const pairs = 1 + ((bad + good) / 2 - 1) * ((1 - middle) / (2 - middle) + middle / (1 + middle));
    const reach = Z95 * Math.sqrt((middle * (1 - middle) * pairs) / (bad * good));
    if (area - middle > reach) low = middle;
    else high = middle;
  }
  return low;
}
