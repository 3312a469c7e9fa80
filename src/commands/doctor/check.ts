/** One thing the doctor looked at. */

export interface Check {
  readonly name: string;
  /** `warn`: Loupe runs, but not as it should. `fail`: it does not run, or not safely. */
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly found: string;
  /** What to do about it; null where there is nothing to do. */
  readonly advice: string | null;
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found, advice: null });
export const warn = (name: string, found: string, advice: string): Check => ({ name, status: 'warn', found, advice });
export const fail = (name: string, found: string, advice: string): Check => ({ name, status: 'fail', found, advice });
