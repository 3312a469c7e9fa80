/** Embeddings seen along their two leading principal components, and the line there that comes nearest to the model's decision. Pure. */

import { balancedWeights, fitLogistic, logit } from '../logistic.ts';
import type { Point } from './chart.ts';

export interface Plane {
  /** One per embedding, each coordinate scaled to 0..1. */
  readonly points: readonly Point[];
  /** Shares of the whole variance along the two components. */
  readonly shares: readonly [number, number];
  /** Ends of the line within 0..1; null where it lies outside, or where the model calls all images the same. */
  readonly boundary: readonly [Point, Point] | null;
  /** Share of the images that the line puts on the side where the model has them; null without one. */
  readonly agreement: number | null;
}

const ROUNDS = 60;

/**
 * @param embeddings at least 3, all of one width
 * @param isFlagged whether the model calls each a defect
 */
export function planeOf(embeddings: readonly Float32Array[], isFlagged: readonly boolean[]): Plane {
  const rows = centred(embeddings);
  const total = rows.reduce((sum, row) => sum + dot(row, row), 0);
  const shares: number[] = [];
  const coordinates = [0, 1].map((component) => {
    const direction = leading(rows, component + 1);
    const along = rows.map((row) => dot(row, direction));
    shares.push(total === 0 ? 0 : along.reduce((sum, x) => sum + x * x, 0) / total);
    for (const [i, row] of rows.entries()) {
      for (let j = 0; j < row.length; j++) row[j] = (row[j] ?? 0) - (along[i] ?? 0) * (direction[j] ?? 0);
    }
    return toUnit(along);
  });
  const [xs = [], ys = []] = coordinates;
  const points = xs.map((x, i): Point => [x, ys[i] ?? 0]);
  return { points, shares: [shares[0] ?? 0, shares[1] ?? 0], ...boundaryOf(points, isFlagged) };
}

/** Each feature to mean 0 and deviation 1: a feature in large numbers says no more than another. */
function centred(embeddings: readonly Float32Array[]): Float64Array[] {
  const width = embeddings[0]?.length ?? 0;
  const rows = embeddings.map((row) => Float64Array.from(row));
  for (let j = 0; j < width; j++) {
    const mean = rows.reduce((sum, row) => sum + (row[j] ?? 0), 0) / rows.length;
    const variance = rows.reduce((sum, row) => sum + ((row[j] ?? 0) - mean) ** 2, 0) / rows.length;
    const deviation = variance > 1e-10 ? Math.sqrt(variance) : 1;
    for (const row of rows) row[j] = ((row[j] ?? 0) - mean) / deviation;
  }
  return rows;
}

/** Power iteration on the covariance, from a start that is the same each time. */
function leading(rows: readonly Float64Array[], seed: number): Float64Array {
  const width = rows[0]?.length ?? 0;
  let direction = Float64Array.from({ length: width }, (_, j) => Math.sin(seed * (j + 1)));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(width);
    for (const row of rows) {
      const along = dot(row, direction);
      for (let j = 0; j < width; j++) next[j] = (next[j] ?? 0) + along * (row[j] ?? 0);
    }
    const length = Math.sqrt(dot(next, next));
    if (length < 1e-12) return direction.fill(0);
    direction = next.map((value) => value / length);
  }
  return direction;
}

function boundaryOf(points: readonly Point[], isFlagged: readonly boolean[]): Pick<Plane, 'boundary' | 'agreement'> {
  if (!isFlagged.includes(true) || !isFlagged.includes(false)) return { boundary: null, agreement: null };
  const samples = { values: Float64Array.from(points.flat()), count: points.length, width: 2 };
  const fit = fitLogistic(samples, isFlagged, balancedWeights(isFlagged), { l2: 1e-4 });
  const right = isFlagged.filter((flagged, i) => logit(fit, samples, i) >= 0 === flagged).length;
  const [a = 0, b = 0] = fit.weights;
  const ends = (
    [
      [0, -fit.bias / b],
      [1, -(fit.bias + a) / b],
      [-fit.bias / a, 0],
      [-(fit.bias + b) / a, 1],
    ] as const
  ).filter(([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 1);
  const [first, second] = ends;
  const boundary = first === undefined || second === undefined ? null : ([first, second] as const);
  return { boundary, agreement: right / points.length };
}

function toUnit(values: readonly number[]): number[] {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  return values.map((value) => (span === 0 ? 0.5 : (value - low) / span));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] ?? 0) * (b[j] ?? 0);
  return sum;
}
