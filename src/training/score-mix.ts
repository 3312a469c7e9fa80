/** Several scores of an image to one. Pure. */

import { balancedWeights, fitLogistic } from './logistic.ts';
import { auroc } from './measures.ts';
import { scaleOf, standardised } from './standardise.ts';

/** So many images weigh as much as the prior: cross-validation of 60 says too little of what each score is worth. */
const PRIOR_IMAGES = 200;
const L2 = 0.03;
/** What a score counts that is no better than a coin, beside 0.125 of one that is never wrong. */
const LEAST = 0.005;

/**
 * What each score counts: what logistic regression of the held-out ones says, drawn to the prior while there are few. The prior counts
 * by the cube of the lead over a coin that each score has by itself: where parts lie still, the misfit of places tells nearly everything,
 * and where they turn, nothing.
 * @param rows the held-out scores of each image
 * @param trust what a deviation of each score counts where all tell the classes apart as well, none below zero, the first above it
 * @returns what a unit of each counts beside a unit of the first; none below zero: no score speaks against a defect
 */
export function mixOf(
  rows: readonly Float32Array[],
  isDefective: readonly boolean[],
  trust: readonly number[],
): number[] {
  const prior = trust.map((each, k) => each * (LEAST + leadOf(rows, isDefective, k) ** 3));
  const scale = scaleOf(rows);
  const samples = standardised(rows, scale, new Float64Array(prior.length).fill(1));
  const fit = fitLogistic(samples, isDefective, balancedWeights(isDefective), { l2: L2, tolerance: 1e-6 });
  const found = prior.map((each, k) => (each === 0 ? 0 : Math.max(0, fit.weights[k] ?? 0)));
  const length = Math.hypot(...found) || 1;
  const priorLength = Math.hypot(...prior);
  const shares = prior.map((each, k) => {
    const inDeviations = (PRIOR_IMAGES * each) / priorLength + (rows.length * (found[k] ?? 0)) / length;
    return inDeviations / (scale.deviations[k] ?? 1);
  });
  return shares.map((share) => share / (shares[0] ?? 1));
}

function leadOf(rows: readonly Float32Array[], isDefective: readonly boolean[], k: number): number {
  const scored = rows.map((row, i) => ({ isDefective: isDefective[i] === true, probability: row[k] ?? 0 }));
  return Math.max(0, auroc(scored) - 0.5);
}
