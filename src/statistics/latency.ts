/** Answer times counted in buckets, and percentiles read from the counts. Pure. */

/** Upper edges in milliseconds, inclusive; what is slower falls into one bucket more. Stored counts depend on them: never edit. */
export const LATENCY_EDGES_MS: readonly number[] = [
  1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800,
  1000, 1500, 2000, 3000, 5000, 10_000,
];

export function latencyBucketOf(ms: number): number {
  const bucket = LATENCY_EDGES_MS.findIndex((edge) => ms <= edge);
  return bucket === -1 ? LATENCY_EDGES_MS.length : bucket;
}

/**
 * The `share` quantile in milliseconds, interpolated inside its bucket: off by no more than the bucket is wide. Null where
 * nothing was counted; the last edge where it lies beyond.
 * @param counts by bucket
 */
export function latencyQuantile(counts: ReadonlyMap<number, number>, share: number): number | null {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let before = 0;
  for (const [i, edge] of LATENCY_EDGES_MS.entries()) {
    const count = counts.get(i) ?? 0;
    if (count > 0 && before + count >= share * total) {
      const lower = LATENCY_EDGES_MS[i - 1] ?? 0;
      return lower + ((share * total - before) / count) * (edge - lower);
    }
    before += count;
  }
  return LATENCY_EDGES_MS.at(-1) ?? null;
}
