/** What a model says of a picture. */
export interface Score {
  /** Of a defect, 0..1. */
  readonly probability: number;
  /** How sure it is that the picture shows something that it has learned nothing of, 0..1; null where the model cannot say. */
  readonly unfamiliarity: number | null;
}

/** From this on a picture does not pass, however low the probability is: it says nothing of such a picture. */
export const UNFAMILIAR = 0.5;

export function isUnfamiliar({ unfamiliarity }: Pick<Score, 'unfamiliarity'>): boolean {
  // Written so that a NaN is unfamiliar too.
  return unfamiliarity !== null && !(unfamiliarity < UNFAMILIAR);
}
