/** The classical baseline beside every model: logistic regression on 64x64x3 pixels. Samples are rows of 12,288. Pure. */

import { auroc } from './measures.ts';
import { balancedWeights, fitLogistic, logit, type Samples, sigmoid } from './logistic.ts';

export const BASELINE_EDGE = 64;
export const BASELINE_WIDTH = BASELINE_EDGE * BASELINE_EDGE * 3;
/** Strong: there are far more pixels than images. */
const L2 = 0.1;
const MAX_ITERATIONS = 100;

export interface PixelImage {
  /** uint8 [64, 64, 3] */
  readonly pixels: Uint8Array;
  readonly isDefective: boolean;
  readonly group: string;
  readonly file: string;
}

export interface Baseline {
  /** On the tested images. */
  readonly auroc: number;
  /** [64, 64, 3], of the standardised pixels. */
  readonly weights: Float64Array;
}

/** @returns null where one of the classes is missing in training */
export function pixelBaseline(trained: readonly PixelImage[], tested: readonly PixelImage[]): Baseline | null {
  const labels = trained.map((image) => image.isDefective);
  if (!labels.includes(true) || !labels.includes(false)) return null;
  const samples = rowsOf(trained);
  const scale = Math.sqrt(BASELINE_WIDTH);
  const means = new Float64Array(BASELINE_WIDTH);
  const deviations = new Float64Array(BASELINE_WIDTH);
  for (let j = 0; j < BASELINE_WIDTH; j++) {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < samples.count; i++) {
      const value = samples.values[i * BASELINE_WIDTH + j] ?? 0;
      sum += value;
      squares += value * value;
    }
    const mean = sum / samples.count;
    means[j] = mean;
    deviations[j] = (Math.sqrt(Math.max(0, squares / samples.count - mean * mean)) + 1) * scale;
  }
  const standardised = (rows: Samples): Samples => {
    for (let i = 0; i < rows.values.length; i++) {
      const j = i % BASELINE_WIDTH;
      rows.values[i] = ((rows.values[i] ?? 0) - (means[j] ?? 0)) / (deviations[j] ?? 1);
    }
    return rows;
  };
  const fit = fitLogistic(standardised(samples), labels, balancedWeights(labels), {
    l2: L2 / scale,
    maxIterations: MAX_ITERATIONS,
    tolerance: 1e-4,
  });
  const rows = standardised(rowsOf(tested));
  const scores = tested.map(({ isDefective }, i) => ({ isDefective, probability: sigmoid(logit(fit, rows, i)) }));
  return { auroc: auroc(scores), weights: fit.weights };
}

function rowsOf(images: readonly PixelImage[]): Samples {
  const values = new Float64Array(images.length * BASELINE_WIDTH);
  for (const [i, { pixels }] of images.entries()) values.set(pixels, i * BASELINE_WIDTH);
  return { values, count: images.length, width: BASELINE_WIDTH };
}
