/** How the line has done: counts over time, control limits, defects, answer times, and scores for the cuts workbench. */

import { z } from 'zod';
import { LoupeError } from '../errors.ts';
import type { CutsControl } from '../frame/cuts.ts';
import { VERDICTS, type Verdict } from '../frame/verdict.ts';
import type { Api } from './api.ts';
import {
  agreementOf,
  chartOf,
  judgedOf,
  latencyOf,
  type QualityCounts,
  type QualityJudgement,
  scoresOf,
  type SecondLook,
  totalsOf,
} from './quality-view.ts';
import { AGAIN_AFTER_MS } from './review-routes.ts';
import { isoTime, time } from './schemas.ts';
import { Calendar, type Shift } from './shifts.ts';

interface Span {
  readonly since: number;
  readonly until: number;
  readonly cameraId?: string;
  readonly recipe?: string;
}

export interface QualityRoutesPorts {
  readonly quality: {
    qualityCounts(query: Span): Promise<QualityCounts>;
    scoreCounts(query: {
      readonly recipe: string;
      readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
      readonly cameraId?: string;
      readonly since: number;
    }): Promise<{
      readonly bins: readonly (readonly [number, number])[];
      readonly cameras: readonly string[];
      readonly given: readonly { readonly verdict: Verdict; readonly rows: number }[];
    }>;
    judged(query: Span): Promise<readonly QualityJudgement[]>;
    secondLooks(span: { since: number; until: number; apartMs: number }): Promise<readonly SecondLook[]>;
    balance(): Promise<{ readonly lastLedgerSeq: number; readonly counted: number }>;
  };
  readonly cuts: CutsControl;
  /** The plant's clock. */
  readonly calendar: { readonly timeZone: string; readonly shifts: readonly Shift[] };
  /** Milliseconds since 1970. */
  now(): number;
}

const DAY_MS = 86_400_000;
const MAX_DAYS = 100;
const MAX_JUDGED = 5000;

const counts = z.record(z.enum(VERDICTS), z.int());
const share = z.number().min(0).max(1);
const measured = z.object({
  count: z.int(),
  of: z.int(),
  share: share.nullable(),
  interval: z.object({ low: share, high: share }).describe('95 %, one vote per part'),
});

const qualitySchema = z.object({
  since: isoTime,
  until: isoTime,
  timeZone: z.string(),
  total: counts,
  chart: z.object({
    centre: share.nullable().describe('share of FAIL among what was inspected'),
    spread: z.number().describe('by what the limits are widened beyond chance; 1: not at all'),
    groups: z.array(
      z.object({
        label: z.string(),
        from: isoTime,
        counts,
        rejectRate: share.nullable(),
        lower: share.nullable(),
        upper: share.nullable(),
        signal: z.enum(['above', 'below', 'run']).nullable(),
      }),
    ),
  }),
  series: z.array(z.object({ cameraId: z.string(), recipe: z.string(), counts })),
  latency: z.object({ p50Ms: z.number().nullable(), p95Ms: z.number().nullable(), p99Ms: z.number().nullable() }),
  reviewed: z.object({
    judged: z.int(),
    judgedPass: z.int().describe('of them PASS: only these can show an escape'),
    escapes: measured,
    falseRejects: measured,
    defects: z.array(z.object({ defectClass: z.string().nullable(), count: z.int() })),
    agreement: z
      .array(z.object({ reviewer: z.string(), pairs: z.int(), agreed: z.int(), kappa: z.number().nullable() }))
      .describe('of people with what was said of the same picture before; of all cameras'),
  }),
  ledger: z.object({ lastLedgerSeq: z.int(), counted: z.int(), isBalanced: z.boolean() }),
});

const scoresSchema = z.object({
  recipe: z.string(),
  since: isoTime,
  cameras: z.array(z.string()),
  bins: z
    .array(z.tuple([z.int(), z.int()]))
    .describe('[step of 0.001, parts]; without those that do not pass whatever the cuts (unfamiliar)'),
  given: z.object({ PASS: z.int(), REVIEW: z.int(), FAIL: z.int() }).describe('parts by the verdict they were given'),
  judged: z.array(
    z.object({
      probability: share,
      isDefective: z.boolean(),
      isUnfamiliar: z.boolean().describe('it does not pass, whatever the cuts'),
      verdict: z.enum(['PASS', 'REVIEW', 'FAIL']),
      group: z.int(),
    }),
  ),
});

export type QualityJson = z.output<typeof qualitySchema>;
export type ScoresJson = z.output<typeof scoresSchema>;

const named = z.string().min(1).max(128);

export function addQualityRoutes(api: Api, ports: QualityRoutesPorts): void {
  const { quality, cuts } = ports;
  const { timeZone, shifts } = ports.calendar;
  const calendar = new Calendar(timeZone, shifts);

  api.add({
    method: 'GET',
    path: '/api/v1/quality',
    right: 'read',
    summary: 'Yield, reject rate with control limits, defects, answer times; of at most 100 days',
    query: z.strictObject({
      since: time.optional().describe('default: `days` before `until`'),
      until: time.optional().describe('default: now'),
      days: z.coerce
        .number()
        .int()
        .min(1)
        .max(MAX_DAYS)
        .default(1)
        .describe('by the clock of the service; not beside `since`'),
      by: z.enum(['hour', 'shift', 'day']).default('hour'),
      camera: named.optional(),
      recipe: named.optional(),
    }),
    answer: qualitySchema,
    handle: async ({ query }): Promise<QualityJson> => {
      const until = query.until ?? ports.now();
      const since = query.since ?? until - query.days * DAY_MS;
      if (!(since < until) || until - since > MAX_DAYS * DAY_MS) {
        throw new LoupeError('invalid_request', `expected since before until, and at most ${MAX_DAYS} days between`);
      }
      const span = {
        since,
        until,
        ...(query.camera === undefined ? {} : { cameraId: query.camera }),
        ...(query.recipe === undefined ? {} : { recipe: query.recipe }),
      };
      const [counted, judged, looks, ledger] = await Promise.all([
        quality.qualityCounts(span),
        quality.judged(span),
        quality.secondLooks({ since, until, apartMs: AGAIN_AFTER_MS }),
        quality.balance(),
      ]);
      return {
        since: new Date(since).toISOString(),
        until: new Date(until).toISOString(),
        timeZone,
        chart: chartOf(counted.quarters, calendar, query.by),
        ...totalsOf(counted.series),
        latency: latencyOf(counted.latency),
        reviewed: { ...judgedOf(judged), agreement: agreementOf(looks) },
        ledger: { ...ledger, isBalanced: ledger.lastLedgerSeq === ledger.counted },
      };
    },
  });

  api.add({
    method: 'GET',
    path: '/api/v1/recipes/{id}/scores',
    right: 'read',
    summary: 'Scores of the model that decides now, and what people said of them: what cuts are chosen by',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    query: z.strictObject({
      camera: named.optional(),
      days: z.coerce.number().int().min(1).max(MAX_DAYS).default(7),
    }),
    answer: scoresSchema,
    handle: async ({ params, query }): Promise<ScoresJson> => {
      const recipe = (await cuts.list()).find((one) => one.recipe === params.id);
      if (recipe === undefined) throw new LoupeError('recipe_not_found', `no recipe "${params.id}"`);
      const until = ports.now();
      const since = Math.floor((until - query.days * DAY_MS) / DAY_MS) * DAY_MS;
      const camera = query.camera === undefined ? {} : { cameraId: query.camera };
      const [scores, judged] = await Promise.all([
        quality.scoreCounts({ recipe: params.id, model: recipe.model, since, ...camera }),
        quality.judged({ since, until: until + DAY_MS, recipe: params.id, ...camera }),
      ]);
      const given = { PASS: 0, REVIEW: 0, FAIL: 0 };
      for (const { verdict, rows } of scores.given) if (verdict !== 'UNINSPECTED') given[verdict] += rows;
      const ofModel = judged.filter(({ modelSha256 }) => modelSha256 === recipe.model.sha256);
      return {
        recipe: params.id,
        since: new Date(since).toISOString(),
        cameras: [...new Set(scores.cameras)],
        bins: scores.bins.map(([bin, rows]) => [bin, rows]),
        given,
        judged: scoresOf(ofModel).slice(0, MAX_JUDGED),
      };
    },
  });
}
