/** Probability and cuts to verdict. Pure: no clock, no state, no I/O. */

import type { UninspectedReason } from '../errors.ts';
import type { Cuts, Disposition, Verdict } from '../frame/verdict.ts';

export type Judgement =
  | { readonly verdict: 'PASS' | 'FAIL' | 'REVIEW'; readonly reason: null }
  | { readonly verdict: 'UNINSPECTED'; readonly reason: UninspectedReason; readonly detail: string };

/**
 * `probability < passBelow` is PASS, `probability >= failAbove` is FAIL, between them REVIEW. Anything that is not a
 * number in 0..1 is no verdict.
 */
export function judge(probability: number, cuts: Cuts): Judgement {
  if (!(probability >= 0 && probability <= 1)) {
    return {
      verdict: 'UNINSPECTED',
      reason: 'model_output_invalid',
      detail: `expected a probability from 0 to 1, the model returned ${probability}`,
    };
  }
  if (probability >= cuts.failAbove) return { verdict: 'FAIL', reason: null };
  if (probability < cuts.passBelow) return { verdict: 'PASS', reason: null };
  return { verdict: 'REVIEW', reason: null };
}

/** @param onUninspected what the camera's configuration says of a part nobody looked at; never `accept` */
export function dispositionOf(verdict: Verdict, onUninspected: 'reject' | 'hold'): Disposition {
  switch (verdict) {
    case 'PASS':
      return 'accept';
    case 'FAIL':
      return 'reject';
    case 'REVIEW':
      return 'hold';
    case 'UNINSPECTED':
      return onUninspected;
  }
}
