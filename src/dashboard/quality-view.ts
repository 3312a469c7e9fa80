/** Counts and judgements to what the Quality page shows. Pure. */

import { isUnfamiliar } from '../frame/score.ts';
import type { Verdict } from '../frame/verdict.ts';
import { type JudgedScore, shareOf } from '../statistics/cut-outcome.ts';
import { cohensKappa } from '../statistics/kappa.ts';
import { latencyQuantile } from '../statistics/latency.ts';
import { pChart } from '../statistics/p-chart.ts';
import type { Calendar, Grouping } from './shifts.ts';

export interface QualityCounts {
  readonly quarters: readonly { readonly at: number; readonly verdict: Verdict; readonly rows: number }[];
  readonly series: readonly {
    readonly cameraId: string;
    readonly recipe: string;
    readonly verdict: Verdict;
    readonly rows: number;
  }[];
  readonly latency: readonly { readonly bucket: number; readonly rows: number }[];
}

export interface QualityJudgement {
  readonly resultId: string;
  readonly partId: string | null;
  readonly modelSha256: string | null;
  readonly verdict: Verdict;
  readonly probability: number | null;
  readonly unfamiliarity: number | null;
  readonly label: 'ok' | 'ng';
  readonly defectClass: string | null;
}

export interface SecondLook {
  readonly reviewer: string;
  readonly first: string;
  readonly second: string;
}

export type VerdictCounts = Record<Verdict, number>;

const none = (): VerdictCounts => ({ PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 0 });

/** Groups in order of time, with the p-chart of the share that FAILs among what was inspected. */
export function chartOf(quarters: QualityCounts['quarters'], calendar: Calendar, by: Grouping) {
  const groups = new Map<string, { readonly from: number; readonly counts: VerdictCounts }>();
  for (const { at, verdict, rows } of quarters) {
    const { label, from } = calendar.groupOf(at, by);
    const group = groups.get(label) ?? { from, counts: none() };
    group.counts[verdict] += rows;
    groups.set(label, group);
  }
  const samples = [...groups.values()].map(({ counts: { PASS, FAIL, REVIEW } }) => ({
    rejected: FAIL,
    inspected: PASS + FAIL + REVIEW,
  }));
  const { centre, spread, points } = pChart(samples);
  return {
    centre,
    spread,
    groups: [...groups].map(([label, { from, counts }], i) => {
      const { share = null, lower = null, upper = null, signal = null } = points[i] ?? {};
      return { label, from: new Date(from).toISOString(), counts, rejectRate: share, lower, upper, signal };
    }),
  };
}

export function totalsOf(series: QualityCounts['series']) {
  const total = none();
  const rows = new Map<
    string,
    { readonly cameraId: string; readonly recipe: string; readonly counts: VerdictCounts }
  >();
  for (const { cameraId, recipe, verdict, rows: count } of series) {
    const key = JSON.stringify([cameraId, recipe]);
    const row = rows.get(key) ?? { cameraId, recipe, counts: none() };
    row.counts[verdict] += count;
    total[verdict] += count;
    rows.set(key, row);
  }
  return { total, series: [...rows.values()] };
}

export function latencyOf(latency: QualityCounts['latency']) {
  const counts = new Map(latency.map(({ bucket, rows }) => [bucket, rows]));
  return {
    p50Ms: latencyQuantile(counts, 0.5),
    p95Ms: latencyQuantile(counts, 0.95),
    p99Ms: latencyQuantile(counts, 0.99),
  };
}

/** What people found: which defects, what escaped among the defective, what was rejected among the good. */
export function judgedOf(judged: readonly QualityJudgement[]) {
  const scored = scoresOf(judged);
  const bad = scored.filter(({ isDefective }) => isDefective);
  const classes = new Map<string, number>();
  for (const { label, defectClass } of judged) {
    if (label === 'ng') classes.set(defectClass ?? '', (classes.get(defectClass ?? '') ?? 0) + 1);
  }
  return {
    judged: judged.length,
    judgedPass: scored.filter(({ verdict }) => verdict === 'PASS').length,
    escapes: shareOf(bad, ({ verdict }) => verdict === 'PASS'),
    falseRejects: shareOf(
      scored.filter(({ isDefective }) => !isDefective),
      ({ verdict }) => verdict === 'FAIL',
    ),
    defects: [...classes]
      .map(([defectClass, count]) => ({ defectClass: defectClass === '' ? null : defectClass, count }))
      .sort((a, b) => b.count - a.count),
  };
}

export function agreementOf(looks: readonly SecondLook[]) {
  const pairs = new Map<string, SecondLook[]>();
  for (const look of looks) pairs.set(look.reviewer, [...(pairs.get(look.reviewer) ?? []), look]);
  return [...pairs]
    .map(([reviewer, own]) => ({
      reviewer,
      pairs: own.length,
      agreed: own.filter(({ first, second }) => first === second).length,
      kappa: cohensKappa(own.map(({ first, second }) => [first, second])),
    }))
    .sort((a, b) => b.pairs - a.pairs);
}

/** Judged results that have a score; pictures of one part are one group. */
export function scoresOf(judged: readonly QualityJudgement[]): JudgedScore[] {
  const groups = new Map<string, number>();
  return judged.flatMap(({ resultId, partId, probability, unfamiliarity, verdict, label }) => {
    if (probability === null || verdict === 'UNINSPECTED') return [];
    const name = partId === null ? `result ${resultId}` : `part ${partId}`;
    const group = groups.get(name) ?? groups.size;
    groups.set(name, group);
    return [
      { probability, isUnfamiliar: isUnfamiliar({ unfamiliarity }), isDefective: label === 'ng', verdict, group },
    ];
  });
}
