/** Defect probabilities counted in steps of 0.001, the steps in which people set cuts. Pure. */

export const SCORE_STEPS = 1000;

/**
 * 0..1000: the bin whose lower edge `bin / 1000` is the last one not above `probability`, so that `p < cut` and
 * `bin < cut * 1000` say the same of every cut of three decimals. Bin 1000 holds exactly 1.
 * @param probability 0..1
 */
export function scoreBinOf(probability: number): number {
  const bin = Math.floor(probability * SCORE_STEPS);
  // The product is rounded; the edges are what counts.
  if ((bin + 1) / SCORE_STEPS <= probability) return bin + 1;
  return bin / SCORE_STEPS > probability ? bin - 1 : bin;
}

/** The first bin that lies at or above `cut`. */
export const binOfCut = (cut: number) => Math.ceil(Number((cut * SCORE_STEPS).toFixed(6)));
