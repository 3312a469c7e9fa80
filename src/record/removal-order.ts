/**
 * The order in which retention gives images up: every PASS before any UNINSPECTED, then REVIEW, FAIL last; within a
 * verdict the oldest first. So no FAIL goes, not even by age, while a PASS is kept.
 */

import type { Verdict } from '../frame/verdict.ts';

export const REMOVAL_ORDER: readonly Verdict[] = ['PASS', 'UNINSPECTED', 'REVIEW', 'FAIL'];

/** `removal_rank` of `stored_images`: place in the order above. */
export const removalRank = (verdict: Verdict) => REMOVAL_ORDER.indexOf(verdict);
