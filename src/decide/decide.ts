/** What a model says and cuts to verdict. Pure: no clock, no state, no I/O. */

import type { UninspectedReason } from '../errors.ts';
import { isUnfamiliar, type Score } from '../frame/score.ts';
import type { Cuts, Disposition, Verdict } from '../frame/verdict.ts';

export type Judgement =
  | { readonly verdict: 'PASS' | 'FAIL' | 'REVIEW'; readonly reason: null }
  | { readonly verdict: 'UNINSPECTED'; readonly reason: UninspectedReason; readonly detail: string };

/**
 * `probability < passBelow` is PASS, `probability >= failAbove` is FAIL, between them REVIEW. What the model finds unfamiliar is REVIEW
 * where it would be PASS. Anything that is not a number in 0..1 is no verdict.
 */
export function judge(score: Score, cuts: Cuts): Judgement {
  const { probability, unfamiliarity } = score;
  if (!isShare(probability)) return invalid('a probability', probability);
  if (unfamiliarity !== null && !isShare(unfamiliarity)) return invalid('an unfamiliarity', unfamiliarity);
  if (probability >= cuts.failAbove) return { verdict: 'FAIL', reason: null };
  if (probability < cuts.passBelow && !isUnfamiliar(score)) return { verdict: 'PASS', reason: null };
  return { verdict: 'REVIEW', reason: null };
}

const isShare = (value: number) => value >= 0 && value <= 1;

function invalid(what: string, value: number): Judgement {
  const detail = `expected ${what} from 0 to 1, the model returned ${value}`;
  return { verdict: 'UNINSPECTED', reason: 'model_output_invalid', detail };
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
