/** Each kind of question that people ask of a ledger, asked many times with other values: how long until the answer is there. */

import type { CameraId, FrameId } from '../../frame/frame.ts';
import { Ledger } from '../../record/ledger.ts';
import { percentile } from '../statistics.ts';
import { cameraOf, CAMERAS, DAYS, END_AT, jobOf, MODEL, partOf, receivedAtOf, resultIdOf } from './made-store.ts';

export interface Timing {
  readonly kind: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  /** Computing time: what the answer takes where nobody else wants the cores. */
  readonly cpuP95Ms: number;
  /** Rows of the answer, on average. */
  readonly rows: number;
}

const DAY_MS = 86_400_000;
const LIMIT = 100;
/** Asked first and not counted: what a page that is open has asked already. */
const WARM_UP = 3;

type Question = (n: number) => Promise<{ readonly length: number }>;

/** @param times how often each kind is asked */
export async function askAll(
  store: string,
  rows: number,
  times: number,
  onProgress: (timing: Timing) => void,
): Promise<readonly Timing[]> {
  const ledger = new Ledger({
    path: store,
    durability: 'normal',
    images: { keep: 'none', keepPassRatio: 0 },
    retention: { maxAgeDays: null, maxBytes: null, minFreeBytes: 0 },
    maxPending: 1,
    onEvent: () => undefined,
  });
  await ledger.start();
  try {
    const timings: Timing[] = [];
    for (const [kind, ask] of Object.entries(questionsOf(ledger, rows))) {
      const timing = await timed(kind, ask, rows, times);
      onProgress(timing);
      timings.push(timing);
    }
    return timings;
  } finally {
    await ledger.stop();
  }
}

async function timed(kind: string, ask: Question, rows: number, times: number): Promise<Timing> {
  const took: number[] = [];
  const computed: number[] = [];
  let found = 0;
  for (let i = -WARM_UP; i < times; i++) {
    // The same in every run, and all over the ledger.
    const n = 1 + (((i + WARM_UP) * 7_368_787) % rows);
    const cpu = process.cpuUsage();
    const started = performance.now();
    const { length } = await ask(n);
    if (i < 0) continue;
    took.push(performance.now() - started);
    const { user, system } = process.cpuUsage(cpu);
    computed.push((user + system) / 1000);
    found += length;
  }
  return {
    kind,
    p50Ms: percentile(took, 0.5),
    p95Ms: percentile(took, 0.95),
    maxMs: Math.max(...took),
    cpuP95Ms: percentile(computed, 0.95),
    rows: found / times,
  };
}

function questionsOf(ledger: Ledger, rows: number): Readonly<Record<string, Question>> {
  const camera = (n: number) => cameraOf(n) as CameraId;
  const search = async (query: Omit<Parameters<Ledger['search']>[0], 'limit'>) =>
    (await ledger.search({ ...query, limit: LIMIT })).rows;
  const hours = (n: number) => ({ since: receivedAtOf(n, rows), until: receivedAtOf(n, rows) + 2 * 3_600_000 });
  const last = (days: number) => ({ since: END_AT - days * DAY_MS, until: END_AT });
  const quality = async (days: number, more: object = {}) => {
    const span = { ...last(days), ...more };
    const [counts] = await Promise.all([ledger.qualityCounts(span), ledger.judged(span), ledger.balance()]);
    return counts.quarters;
  };
  const one = (found: object | null) => (found === null ? [] : [found]);
  return {
    newest: () => search({}),
    'a page deep in the ledger': (n) => search({ before: n }),
    'one result': async (n) => one(await ledger.get(resultIdOf(n))),
    'camera and frame': async (n) => one(await ledger.find(camera(n), `frame-${n}` as FrameId)),
    part: (n) => search({ partId: partOf(n) }),
    job: (n) => search({ jobId: jobOf(n) }),
    'job and verdict': (n) => search({ jobId: jobOf(n), verdict: 'FAIL' }),
    camera: (n) => search({ cameraId: camera(n), before: n }),
    'verdict FAIL': (n) => search({ verdict: 'FAIL', before: n }),
    'verdict UNINSPECTED': (n) => search({ verdict: 'UNINSPECTED', before: n }),
    'camera and verdict': (n) => search({ cameraId: camera(n), verdict: 'FAIL', before: n }),
    'two hours': (n) => search(hours(n)),
    'two hours of a camera': (n) => search({ ...hours(n), cameraId: camera(n) }),
    'two hours, FAIL': (n) => search({ ...hours(n), verdict: 'FAIL' }),
    'two hours, camera, FAIL': (n) => search({ ...hours(n), verdict: 'FAIL', cameraId: camera(n) }),
    'two hours, probability': (n) => search({ ...hours(n), minProbability: 0.95 }),
    'probability from 0.95': (n) => search({ minProbability: 0.95, before: n }),
    'probability 0.29 to 0.3': (n) => search({ minProbability: 0.29, maxProbability: 0.3, before: n }),
    'model that never scored': () => search({ model: 'nothing' }),
    'camera that sent nothing': () => search({ cameraId: 'nobody' as CameraId }),
    'queue of reviews': async () => (await ledger.unreviewed(null, 50)).rows,
    'queue of reviews, deep': async (n) => (await ledger.unreviewed(n, 50)).rows,
    'Quality, a day': () => quality(1),
    'Quality, a week': () => quality(7),
    'Quality, all days': () => quality(DAYS),
    'Quality, a week of a camera': (n) => quality(7, { cameraId: cameraOf(n) }),
    'cuts workbench, a week': async () => {
      const scores = { recipe: 'default', model: MODEL, since: END_AT - 7 * DAY_MS };
      const [{ bins }] = await Promise.all([
        ledger.scoreCounts(scores),
        ledger.judged({ ...last(7), recipe: 'default' }),
      ]);
      return bins;
    },
    'cuts workbench, a camera': async (n) => {
      const since = END_AT - 7 * DAY_MS;
      return (await ledger.scoreCounts({ recipe: 'default', model: MODEL, cameraId: cameraOf(n % CAMERAS), since }))
        .bins;
    },
  };
}
