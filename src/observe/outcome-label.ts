/** How a frame ended, in the words of the metrics. */

import type { Outcome } from '../frame/verdict.ts';

export type OutcomeLabel = 'pass' | 'fail' | 'review' | 'uninspected' | 'duplicate' | 'refused';

export function modelLabel(outcome: Outcome): string {
  return outcome.kind === 'answered' && !outcome.duplicate ? (outcome.result.model?.name ?? '') : '';
}

export function outcomeLabel(outcome: Outcome): OutcomeLabel {
  if (outcome.kind === 'refused') return 'refused';
  if (outcome.duplicate) return 'duplicate';
  switch (outcome.result.verdict) {
    case 'PASS':
      return 'pass';
    case 'FAIL':
      return 'fail';
    case 'REVIEW':
      return 'review';
    case 'UNINSPECTED':
      return 'uninspected';
  }
}
