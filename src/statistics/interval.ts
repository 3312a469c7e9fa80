/** How sure a share is. Pure. */

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
