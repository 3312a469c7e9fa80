import { describe, expect, it } from 'vitest';
import { minimise } from '../../src/training/lbfgs.ts';
import {
  balancedWeights,
  costAndGradient,
  fitLogistic,
  logit,
  type Samples,
  sigmoid,
  sigmoidDerivative,
  softplus,
} from '../../src/training/logistic.ts';
import { randomFrom } from '../../src/training/random.ts';

const random = randomFrom(7);
const samplesOf = (count: number, width: number): Samples => ({
  values: Float64Array.from({ length: count * width }, () => 2 * random() - 1),
  count,
  width,
});

describe('the sigmoid', () => {
  it('keeps its place at both ends and does not overflow', () => {
    expect([sigmoid(0), sigmoid(1000), sigmoid(-1000)]).toEqual([0.5, 1, 0]);
    expect(sigmoid(-2)).toBeCloseTo(1 - sigmoid(2), 15);
    expect([softplus(1000), softplus(-1000)]).toEqual([1000, 0]);
  });

  it('has the derivative that differences give', () => {
    for (const z of [-4, -0.3, 0, 2.5]) {
      expect(sigmoidDerivative(z)).toBeCloseTo((sigmoid(z + 1e-5) - sigmoid(z - 1e-5)) / 2e-5, 9);
    }
  });
});

describe('the cost', () => {
  it('has the gradient that differences give, penalty and weights included', () => {
    const samples = samplesOf(20, 4);
    const labels = Array.from({ length: 20 }, (_, i) => i % 3 === 0);
    const weights = balancedWeights(labels);
    const at = Float64Array.from({ length: 5 }, () => random() - 0.5);
    const cost = (x: Float64Array) => costAndGradient(x, new Float64Array(5), samples, labels, weights, 0.3);
    const gradient = new Float64Array(5);
    costAndGradient(at, gradient, samples, labels, weights, 0.3);
    for (let j = 0; j < 5; j++) {
      const [up, down] = [at.slice(), at.slice()];
      up[j]! += 1e-6;
      down[j]! -= 1e-6;
      expect(gradient[j]).toBeCloseTo((cost(up) - cost(down)) / 2e-6, 7);
    }
  });

  it('weighs both classes alike, with a mean weight of 1', () => {
    expect([...balancedWeights([true, false, false, false])]).toEqual([2, 2 / 3, 2 / 3, 2 / 3]);
  });
});

describe('the fit', () => {
  it('converges to the minimum and tells the classes apart', () => {
    const samples = samplesOf(200, 6);
    const labels = Array.from(
      { length: 200 },
      (_, i) => samples.values[i * 6]! + 0.5 * samples.values[i * 6 + 3]! > 0.1,
    );
    const fit = fitLogistic(samples, labels, balancedWeights(labels), { l2: 1e-3 });
    expect(fit.isConverged).toBe(true);
    const right = labels.filter((label, i) => logit(fit, samples, i) > 0 === label).length;
    expect(right).toBeGreaterThan(190);
    expect(fit.weights[0]! / fit.weights[3]!).toBeCloseTo(2, 0);
  });

  it('says when it was stopped before it converged', () => {
    const samples = samplesOf(50, 6);
    const labels = Array.from({ length: 50 }, (_, i) => i % 2 === 0);
    expect(fitLogistic(samples, labels, balancedWeights(labels), { l2: 1e-6, maxIterations: 2 }).isConverged).toBe(
      false,
    );
  });
});

describe('L-BFGS', () => {
  it('finds the bottom of a bent valley', () => {
    const rosenbrock = {
      evaluate(x: Float64Array, gradient: Float64Array) {
        const [a, b] = [x[0]!, x[1]!];
        gradient[0] = -2 * (1 - a) - 400 * a * (b - a * a);
        gradient[1] = 200 * (b - a * a);
        return (1 - a) ** 2 + 100 * (b - a * a) ** 2;
      },
    };
    const { x, isConverged } = minimise(rosenbrock, Float64Array.of(-1.2, 1), 200, 1e-8);
    expect(isConverged).toBe(true);
    expect([x[0], x[1]].map((v) => Math.round(v! * 1e6) / 1e6)).toEqual([1, 1]);
  });

  it('returns where it stands when nothing is downhill', () => {
    const wrong = {
      evaluate: (x: Float64Array, gradient: Float64Array) => {
        gradient.fill(-1);
        return x[0]! * 2;
      },
    };
    expect(minimise(wrong, Float64Array.of(1), 10, 1e-8)).toMatchObject({ isConverged: false, value: 2 });
  });
});
