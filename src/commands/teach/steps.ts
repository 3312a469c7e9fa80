/** The progress bar of a command that does several things one after the other. */

import type { Progress } from '../progress.ts';

export type Step = ReturnType<typeof inSteps>;

/** The bar once for each step: what is left is told of that step, since an image, a fit and a draw take different times. */
export function inSteps(bar: Progress, steps: number) {
  let at = 0;
  return async <T>(
    unit: string,
    count: number,
    work: (onDone: (done: number) => void) => T | Promise<T>,
  ): Promise<T> => {
    bar.start(count, `step ${++at} of ${steps}: ${unit}`);
    const made = await work((done) => bar.update(done));
    bar.update(count);
    bar.stop();
    return made;
  };
}
