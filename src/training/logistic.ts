/** Logistic regression with a sigmoid and an L2 penalty. Samples are rows. Pure. */

import { minimise } from './lbfgs.ts';

/** Samples as rows: `values` is [count, width], row after row. */
export interface Samples {
  readonly values: Float64Array;
  readonly count: number;
  readonly width: number;
}

export interface LinearModel {
  /** [width] */
  readonly weights: Float64Array;
  readonly bias: number;
}

export interface FitOptions {
  /** Penalty on the weights (not on the bias): cost + l2 / 2 * |w|^2. */
  readonly l2: number;
  readonly maxIterations?: number;
  /** Largest component of the gradient that counts as zero. */
  readonly tolerance?: number;
}

export interface Fit extends LinearModel {
  readonly cost: number;
  readonly iterations: number;
  readonly isConverged: boolean;
}

/** 1 / (1 + e^-z), without overflow on either side. */
export function sigmoid(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const e = Math.exp(z);
  return e / (1 + e);
}

/** d sigmoid / dz = sigmoid(z) (1 - sigmoid(z)). */
export function sigmoidDerivative(z: number): number {
  const p = sigmoid(z);
  return p * (1 - p);
}

/** log(1 + e^z), without overflow. */
export function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

export function logit(model: LinearModel, samples: Samples, row: number): number {
  let sum = model.bias;
  const from = row * samples.width;
  for (let j = 0; j < samples.width; j++) sum += (model.weights[j] ?? 0) * (samples.values[from + j] ?? 0);
  return sum;
}

/**
 * Weights that make both classes count the same however many there are of each; their mean is 1.
 * @param isDefective one entry per sample, both classes present
 */
export function balancedWeights(isDefective: readonly boolean[]): Float64Array {
  const defective = isDefective.filter(Boolean).length;
  const good = isDefective.length - defective;
  return Float64Array.from(isDefective, (bad) => isDefective.length / (2 * (bad ? defective : good)));
}

/**
 * Weighted mean binary cross-entropy on the logit, with its penalty, and the gradient [..weights, bias].
 * @param parameters [..weights, bias]
 */
export function costAndGradient(
  parameters: Float64Array,
  gradient: Float64Array,
  samples: Samples,
  isDefective: readonly boolean[],
  sampleWeights: Float64Array,
  l2: number,
): number {
  const { values, count, width } = samples;
  gradient.fill(0);
  let cost = 0;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const from = i * width;
    let z = parameters[width] ?? 0;
    for (let j = 0; j < width; j++) z += (parameters[j] ?? 0) * (values[from + j] ?? 0);
    const target = isDefective[i] === true ? 1 : 0;
    const weight = sampleWeights[i] ?? 0;
    total += weight;
    cost += weight * (softplus(z) - target * z);
    const slope = weight * (sigmoid(z) - target);
    for (let j = 0; j < width; j++) gradient[j] = (gradient[j] ?? 0) + slope * (values[from + j] ?? 0);
    gradient[width] = (gradient[width] ?? 0) + slope;
  }
  cost /= total;
  let penalty = 0;
  for (let j = 0; j < width; j++) {
    const weight = parameters[j] ?? 0;
    penalty += weight * weight;
    gradient[j] = (gradient[j] ?? 0) / total + l2 * weight;
  }
  gradient[width] = (gradient[width] ?? 0) / total;
  return cost + (l2 / 2) * penalty;
}

/** Fits by L-BFGS; the cost is convex, so where it converges it is the one minimum. */
export function fitLogistic(
  samples: Samples,
  isDefective: readonly boolean[],
  sampleWeights: Float64Array,
  options: FitOptions,
): Fit {
  const { l2, maxIterations = 500, tolerance = 1e-5 } = options;
  const minimum = minimise(
    { evaluate: (x, gradient) => costAndGradient(x, gradient, samples, isDefective, sampleWeights, l2) },
    new Float64Array(samples.width + 1),
    maxIterations,
    tolerance,
  );
  return {
    weights: minimum.x.slice(0, samples.width),
    bias: minimum.x[samples.width] ?? 0,
    cost: minimum.value,
    iterations: minimum.iterations,
    isConverged: minimum.isConverged,
  };
}
