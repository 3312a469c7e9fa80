/** Whether two judgements of the same pictures agree more than chance would have them (Cohen, 1960). Pure. */

/**
 * Cohen's kappa: 1 is full agreement, 0 what chance gives. Null where it says nothing: no pairs, or everybody always said the
 * same one thing.
 * @param pairs first and second judgement of one picture
 */
export function cohensKappa(pairs: readonly (readonly [string, string])[]): number | null {
  const n = pairs.length;
  if (n === 0) return null;
  const labels = new Set(pairs.flat());
  const observed = pairs.filter(([a, b]) => a === b).length / n;
  let expected = 0;
  for (const label of labels) {
    const first = pairs.filter(([a]) => a === label).length / n;
    const second = pairs.filter(([, b]) => b === label).length / n;
    expected += first * second;
  }
  return expected === 1 ? null : (observed - expected) / (1 - expected);
}
