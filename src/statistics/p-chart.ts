/**
 * The p-chart: shares of rejected parts over groups of different size, with limits at three standard deviations (Shewhart).
 * Where groups vary by more than chance alone explains, as they do on a line with thousands of parts an hour, the limits are
 * widened by the spread between neighbours (Laney's p' chart, 2002). Pure.
 */

export interface Sample {
  readonly rejected: number;
  readonly inspected: number;
}

export interface ChartPoint extends Sample {
  /** Null where nothing was inspected. */
  readonly share: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly signal: 'above' | 'below' | 'run' | null;
}

export interface PChart {
  /** Share of all groups together; null where nothing was inspected. */
  readonly centre: number | null;
  /** By what the limits were widened: 1 where chance alone explains the spread. */
  readonly spread: number;
  readonly points: readonly ChartPoint[];
}

const SIGMAS = 3;
/** Points in a row on one side of the centre. */
const RUN = 8;
/** Mean moving range of two normal values, in standard deviations. */
const D2 = 1.128;
/** Fewer groups say nothing about the spread between them. */
const LEAST_GROUPS = 10;

export function pChart(samples: readonly Sample[], isWidened = true): PChart {
  const inspected = samples.reduce((sum, one) => sum + one.inspected, 0);
  if (inspected === 0) return { centre: null, spread: 1, points: samples.map((one) => ({ ...one, ...NOTHING })) };
  const centre = samples.reduce((sum, one) => sum + one.rejected, 0) / inspected;
  const sigmaOf = (n: number) => Math.sqrt((centre * (1 - centre)) / n);
  const spread = isWidened ? spreadOf(samples, centre, sigmaOf) : 1;
  let run = 0;
  let side = 0;
  const points = samples.map((one): ChartPoint => {
    if (one.inspected === 0) return { ...one, ...NOTHING };
    const share = one.rejected / one.inspected;
    const reach = SIGMAS * sigmaOf(one.inspected) * spread;
    const lower = Math.max(0, centre - reach);
    const upper = Math.min(1, centre + reach);
    const here = Math.sign(share - centre);
    run = here !== 0 && here === side ? run + 1 : 1;
    side = here;
    const isRun = here !== 0 && run >= RUN;
    const signal = share > upper ? 'above' : share < lower ? 'below' : isRun ? 'run' : null;
    return { ...one, share, lower, upper, signal };
  });
  return { centre, spread, points };
}

const NOTHING = { share: null, lower: null, upper: null, signal: null } as const;

function spreadOf(samples: readonly Sample[], centre: number, sigmaOf: (n: number) => number): number {
  const scores = samples
    .filter(({ inspected }) => inspected > 0)
    .map(({ rejected, inspected }) => (rejected / inspected - centre) / sigmaOf(inspected));
  if (scores.length < LEAST_GROUPS || centre === 0 || centre === 1) return 1;
  const ranges = scores.slice(1).map((score, i) => Math.abs(score - (scores[i] ?? 0)));
  return Math.max(1, ranges.reduce((sum, range) => sum + range, 0) / ranges.length / D2);
}
