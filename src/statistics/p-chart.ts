/**
 * The p-chart: shares of rejected parts over groups of different size, with limits at three standard deviations (Shewhart), and exact
 * ones where a group has few rejects: there chance reaches further up than down. Where groups vary by more than chance alone explains,
 * as they do on a line with thousands of parts an hour, the limits are widened by the spread between neighbours (Laney's p' chart,
 * 2002). Pure.
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
/** Of a normal distribution, what lies beyond three standard deviations on one side. */
const BEYOND = 0.00135;
/** Points in a row on one side of the centre, at the least, and how rarely chance puts so many there. */
const RUN = 8;
const RUN_CHANCE = 0.01;
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
  let runChance = 1;
  let side = 0;
  const points = samples.map((one): ChartPoint => {
    const { rejected, inspected: n } = one;
    if (n === 0) return { ...one, ...NOTHING };
    const share = rejected / n;
    const reach = SIGMAS * sigmaOf(n);
    const few = reach > centre ? fewRejects(n, centre) : null;
    const lower = few === null ? Math.max(0, centre - reach * spread) : 0;
    const upper = Math.min(1, centre + (few === null ? reach : few.most / n - centre) * spread);
    const here = Math.sign(share - centre);
    const isOn = here !== 0 && here === side;
    const chance = few === null ? 1 / 2 : here < 0 ? few.below : few.above;
    run = isOn ? run + 1 : 1;
    runChance = (isOn ? runChance : 1) * chance;
    side = here;
    const isRun = here !== 0 && run >= RUN && runChance <= RUN_CHANCE;
    const signal = share > upper ? 'above' : share < lower ? 'below' : isRun ? 'run' : null;
    return { ...one, share, lower, upper, signal };
  });
  return { centre, spread, points };
}

const NOTHING = { share: null, lower: null, upper: null, signal: null } as const;

interface FewRejects {
  /** Rejects that are passed with a chance of no more than BEYOND. */
  readonly most: number;
  /** Chance of fewer and of more rejects than the mean. */
  readonly below: number;
  readonly above: number;
}

/** Exact, of the binomial distribution, whose mean `n` * `share` is below ten here. */
function fewRejects(n: number, share: number): FewRejects {
  const mean = n * share;
  let chance = Math.exp(n * Math.log1p(-share));
  let [upTo, below, above] = [0, 0, 1];
  for (let count = 0; ; count++) {
    upTo += chance;
    if (count < mean) below += chance;
    if (count <= mean) above -= chance;
    if (1 - upTo <= BEYOND || count === n) return { most: count, below, above };
    chance *= ((n - count) / (count + 1)) * (share / (1 - share));
  }
}

function spreadOf(samples: readonly Sample[], centre: number, sigmaOf: (n: number) => number): number {
  const scores = samples
    .filter(({ inspected }) => inspected > 0)
    .map(({ rejected, inspected }) => (rejected / inspected - centre) / sigmaOf(inspected));
  if (scores.length < LEAST_GROUPS || centre === 0 || centre === 1) return 1;
  const ranges = scores.slice(1).map((score, i) => Math.abs(score - (scores[i] ?? 0)));
  return Math.max(1, ranges.reduce((sum, range) => sum + range, 0) / ranges.length / D2);
}
