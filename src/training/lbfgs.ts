/** Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4) with a backtracking line search. */

export interface Objective {
  /** Value at `x`; writes the gradient into `gradient`. */
  evaluate(x: Float64Array, gradient: Float64Array): number;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** Whether every component of the gradient fell below the tolerance; false: the last step is returned all the same. */
  readonly isConverged: boolean;
}

const MEMORY = 10;
const ARMIJO = 1e-4;
const MAX_HALVINGS = 40;

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly rho: number;
}

/** @param start is not changed */
export function minimise(objective: Objective, start: Float64Array, maxIterations: number, tolerance: number): Minimum {
  let x = start.slice();
  let gradient = new Float64Array(x.length);
  let value = objective.evaluate(x, gradient);
  const pairs: Pair[] = [];
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    if (largest(gradient) <= tolerance) return { x, value, iterations: iteration, isConverged: true };
    const direction = descent(gradient, pairs);
    const slope = dot(direction, gradient);
    // The first step has no curvature to go by: no longer than 1.
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const next = new Float64Array(x.length);
    const nextGradient = new Float64Array(x.length);
    let nextValue = Number.POSITIVE_INFINITY;
    for (let halving = 0; halving < MAX_HALVINGS; halving++, length /= 2) {
      for (let i = 0; i < x.length; i++) next[i] = (x[i] ?? 0) + length * (direction[i] ?? 0);
      nextValue = objective.evaluate(next, nextGradient);
      if (nextValue <= value + ARMIJO * length * slope) break;
    }
    // No step is downhill any more: as near as the numbers allow.
    if (!(nextValue < value)) return { x, value, iterations: iteration, isConverged: false };
    remember(pairs, x, next, gradient, nextGradient);
    x = next;
    gradient = nextGradient;
    value = nextValue;
  }
  return { x, value, iterations: maxIterations, isConverged: largest(gradient) <= tolerance };
}

function remember(
  pairs: Pair[],
  x: Float64Array,
  next: Float64Array,
  gradient: Float64Array,
  nextGradient: Float64Array,
): void {
  const step = next.map((each, i) => each - (x[i] ?? 0));
  const change = nextGradient.map((each, i) => each - (gradient[i] ?? 0));
  const curvature = dot(step, change);
  if (curvature <= 1e-12) return;
  pairs.push({ step, change, rho: 1 / curvature });
  if (pairs.length > MEMORY) pairs.shift();
}

function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.map((each) => -each);
  const alphas: number[] = [];
  for (const { step, change, rho } of pairs.toReversed()) {
    const alpha = rho * dot(step, q);
    alphas.push(alpha);
    add(q, change, -alpha);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    for (let i = 0; i < q.length; i++) q[i] = (q[i] ?? 0) * scale;
  }
  for (const { step, change, rho } of pairs) {
    const beta = rho * dot(change, q);
    add(q, step, (alphas.pop() ?? 0) - beta);
  }
  return q;
}

function add(to: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? 0) + factor * (from[i] ?? 0);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
