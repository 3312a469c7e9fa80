/** The arithmetic of drift. Pure. */

export interface Spread {
  readonly mean: number;
  /** Standard deviation. */
  readonly deviation: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

/** Inner edges of `bins` bins that hold about as many of `values` each; fewer where values are the same. */
export function binEdges(values: readonly number[], bins: number): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const edges = Array.from({ length: bins - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / bins)] ?? 0);
  return [...new Set(edges)];
}

/** Share of `values` in each bin (a value on an edge belongs above it), with half a value added to each so that none is empty. */
export function binShares(values: readonly number[], edges: readonly number[]): number[] {
  const counts = Array.from({ length: edges.length + 1 }, () => 0.5);
  for (const value of values) {
    const bin = edges.filter((edge) => value >= edge).length;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const all = values.length + counts.length / 2;
  return counts.map((count) => count / all);
}

/** Population stability index: sum of (actual - expected) * ln(actual / expected). By custom 0.1 is noticeable, 0.25 a shift. */
export function psi(expected: readonly number[], actual: readonly number[]): number {
  return expected.reduce((sum, e, i) => sum + ((actual[i] ?? 0) - e) * Math.log((actual[i] ?? 0) / e), 0);
}

/**
 * Limits of a p-chart (Shewhart): three standard deviations around the usual share for samples of `n`.
 * @param usual 0..1
 */
export function pChartLimits(usual: number, n: number): { readonly lower: number; readonly upper: number } {
  const reach = 3 * Math.sqrt((usual * (1 - usual)) / n);
  return { lower: Math.max(0, usual - reach), upper: Math.min(1, usual + reach) };
}
