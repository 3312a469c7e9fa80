/** The arithmetic of the bench. Pure. */

/**
 * Nearest rank: the smallest value that at least the share `p` of all values does not exceed.
 * @param p 0 < p <= 1
 * @returns NaN where there are no values
 */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

/** The mean of the two in the middle where their number is even; NaN where there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/**
 * Median of the ratios round by round: what ran side by side is compared with each other, so that a machine that is slower
 * for some rounds does not look like a dearer service.
 */
export function pairedRatio(values: readonly number[], bare: readonly number[]): number {
  const pairs = Math.min(values.length, bare.length);
  return median(Array.from({ length: pairs }, (_, i) => (values[i] ?? Number.NaN) / (bare[i] ?? Number.NaN)));
}

/** Largest distance of a value from the first one, as a share of the first: 0.05 is +-5 %. */
export function spreadFromFirst(values: readonly number[]): number {
  const [first = Number.NaN] = values;
  return Math.max(...values.map((value) => Math.abs(value / first - 1)));
}
