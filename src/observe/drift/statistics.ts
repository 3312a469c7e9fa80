/** The arithmetic of drift. Pure. */

export interface Spread {
  readonly mean: number;
  /** Standard deviation. */
  readonly deviation: number;
}

/** Both included. */
export interface CountRange {
  readonly least: number;
  readonly most: number;
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

/** Of a normal distribution, one-sided: what chance reaches in one look of a hundred thousand. */
const Z_CHANCE = 4.265;
const CHANCE = 1e-5;

/**
 * What the index of `n` values against `frames` others of the same kind reaches by chance: it is spread as chi-squared with `bins` - 1
 * degrees of freedom, times 1/n + 1/frames (Yurdakul, 2018); the quantile is Wilson and Hilferty's.
 */
export function psiOfChance(bins: number, frames: number, n: number): number {
  const freedom = bins - 1;
  if (freedom === 0) return 0;
  const cube = 1 - 2 / (9 * freedom) + Z_CHANCE * Math.sqrt(2 / (9 * freedom));
  return freedom * cube ** 3 * (1 / n + 1 / frames);
}

/**
 * How many of `n` parts are rejected by chance, at the least and at the most, where `rejects` of `frames` were before: a p-chart with
 * exact limits. Three standard deviations are passed on a line that rejects little every few hundred parts, and a short baseline does
 * not know the line's share (beta-binomial with Jeffreys' prior).
 */
export function rejectLimits(rejects: number, frames: number, n: number): CountRange {
  const [bad, good] = [rejects + 0.5, frames - rejects + 0.5];
  let log = 0;
  for (let i = 0; i < n; i++) log += Math.log((good + i) / (bad + good + i));
  const chances = Array.from({ length: n + 1 }, (_, count) => {
    const chance = Math.exp(log);
    log += Math.log(((n - count) * (bad + count)) / ((count + 1) * (good + n - count - 1)));
    return chance;
  });
  const within = (ordered: readonly number[]) => {
    let sum = 0;
    return ordered.findIndex((chance) => (sum += chance) > CHANCE);
  };
  return { least: within(chances), most: n - within(chances.toReversed()) };
}
