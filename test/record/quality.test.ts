import { describe, expect, it } from 'vitest';
import { openForWriting } from '../../src/record/database.ts';
import { MIGRATIONS } from '../../src/record/migrations/index.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { latencyBucketOf } from '../../src/statistics/latency.ts';
import { scoreBinOf } from '../../src/statistics/score-bins.ts';
import { cam, openLedger, recordFrame } from './support.ts';

const T0 = Date.UTC(2026, 10, 24, 6, 7);
const MODEL = { name: 'parts', version: '1', sha256: 'ab'.repeat(32) };
const verdicts = ['PASS', 'FAIL', 'REVIEW', 'UNINSPECTED'] as const;

async function filled() {
  const open = await openLedger();
  for (let i = 0; i < 80; i++) {
    const verdict = verdicts[i % 4] ?? 'PASS';
    await recordFrame(open.ledger, `f-${i}`, {
      verdict,
      cameraId: cam(i % 2 === 0 ? 'left' : 'right'),
      partId: `part-${i}`,
      receivedAt: T0 + i * 60_000,
      recipeId: verdict === 'UNINSPECTED' ? `made-up-${i}` : 'default',
      reason: verdict === 'UNINSPECTED' ? 'unknown_recipe' : null,
      cuts: verdict === 'UNINSPECTED' ? null : { passBelow: 0.2, failAbove: 0.8 },
      model: verdict === 'UNINSPECTED' ? null : MODEL,
      provider: verdict === 'UNINSPECTED' ? null : 'cpu',
      defectProbability: verdict === 'UNINSPECTED' ? null : i / 80,
      times: { queueMs: null, decodeMs: null, inferMs: null, totalMs: i },
    });
  }
  return open;
}

const all = { since: T0 - 1, until: T0 + 90 * 60_000 };
const sum = (rows: readonly { rows: number }[]) => rows.reduce((total, one) => total + one.rows, 0);

describe('the counts of Quality', () => {
  it('add up to the rows, by time, camera, recipe, verdict and answer time', async () => {
    const { ledger, path } = await filled();
    const counts = await ledger.qualityCounts(all);
    expect([sum(counts.quarters), sum(counts.series), sum(counts.latency)]).toEqual([80, 80, 80]);
    expect(counts.quarters).toContainEqual({ at: Date.UTC(2026, 10, 24, 6), verdict: 'FAIL', rows: 2 });
    const times = counts.quarters.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // A name that a sender made up is no series of its own.
    expect(counts.series).toEqual([
      { cameraId: 'left', recipe: 'default', verdict: 'PASS', rows: 20 },
      { cameraId: 'left', recipe: 'default', verdict: 'REVIEW', rows: 20 },
      { cameraId: 'right', recipe: '', verdict: 'UNINSPECTED', rows: 20 },
      { cameraId: 'right', recipe: 'default', verdict: 'FAIL', rows: 20 },
    ]);
    expect(counts.latency.find(({ bucket }) => bucket === latencyBucketOf(70))?.rows).toBe(19);
    const quarter = { since: Date.UTC(2026, 10, 24, 6, 15), until: Date.UTC(2026, 10, 24, 6, 30) };
    expect(sum((await ledger.qualityCounts(quarter)).quarters)).toBe(15);
    expect(sum((await ledger.qualityCounts({ ...all, cameraId: 'left' })).latency)).toBe(40);
    expect(sum((await ledger.qualityCounts({ ...all, recipe: 'default' })).series)).toBe(60);
    expect(await ledger.balance()).toEqual({ lastLedgerSeq: 80, counted: 80 });
    expect((await verifyStore(path)).findings).toEqual([]);
  });

  it('make no series of a name that a sender made up, whatever else is wrong with its frame', async () => {
    const { ledger } = await openLedger();
    for (const reason of ['bad_image', 'draining', 'unknown_recipe'] as const) {
      await recordFrame(ledger, reason, {
        verdict: 'UNINSPECTED',
        receivedAt: T0,
        recipeId: `made-up-${reason}`,
        reason,
        cuts: null,
        model: null,
      });
    }
    expect((await ledger.qualityCounts(all)).series).toMatchObject([{ recipe: '', rows: 3 }]);
  });

  it('are those of the tables whatever is kept of past days, and when the clock is set back among them', async () => {
    const { ledger } = await openLedger();
    const day = 86_400_000;
    const span = { since: T0 - 5 * day, until: T0 + day };
    const counted = async () => {
      const { quarters, series, latency } = await ledger.qualityCounts(span);
      const { bins, given } = await ledger.scoreCounts({ recipe: 'default', model: MODEL, since: span.since });
      expect(sum(bins.map(([, rows]) => ({ rows })))).toBe(sum(given));
      return [sum(quarters), sum(series), sum(latency), sum(given)];
    };
    const record = (name: string, receivedAt: number) =>
      recordFrame(ledger, name, { receivedAt, recipeId: 'default', model: MODEL, defectProbability: 0.25 });
    for (let i = 0; i < 10; i++) await record(`old-${i}`, T0 - 4 * day + i * 3_600_000);
    await record('today', T0);
    expect(await counted()).toEqual([11, 11, 11, 11]);
    // From memory now.
    expect(await counted()).toEqual([11, 11, 11, 11]);
    await record('late', T0 - 4 * day + 1);
    expect(await counted()).toEqual([12, 12, 12, 12]);
    await record('next day', T0 + day - 1);
    await record('later still', T0 - 2 * day);
    expect(await counted()).toEqual([14, 14, 14, 14]);
    const [first] = (await ledger.qualityCounts({ since: T0 - 4 * day, until: T0 - 4 * day + 900_000 })).quarters;
    expect(first?.rows).toBe(2);
  });

  it('give the scores of one recipe and model', async () => {
    const { ledger } = await filled();
    const query = { recipe: 'default', model: MODEL, since: T0 };
    const scores = await ledger.scoreCounts(query);
    expect(scores.bins).toHaveLength(60);
    expect(scores.bins[1]).toEqual([scoreBinOf(1 / 80), 1]);
    expect(scores.cameras).toEqual(['left', 'right']);
    expect(scores.given).toEqual(verdicts.slice(0, 3).map((verdict) => ({ verdict, rows: 20 })));
    expect((await ledger.scoreCounts({ ...query, cameraId: 'right' })).bins).toHaveLength(20);
    // No cut lets it pass: it is no part of what cuts would have done.
    const unfamiliar = {
      verdict: 'REVIEW',
      unfamiliarity: 1,
      recipeId: 'default',
      model: MODEL,
      receivedAt: T0,
    } as const;
    await recordFrame(ledger, 'stranger', unfamiliar);
    expect((await ledger.scoreCounts(query)).bins).toEqual(scores.bins);
    const other = { ...query, model: { ...MODEL, version: '2' } };
    expect(await ledger.scoreCounts(other)).toEqual({ bins: [], cameras: [], given: [] });
    expect((await ledger.scoreCounts({ ...query, since: T0 + 2 * 86_400_000 })).bins).toEqual([]);
  });

  it('take the last word of people, and nothing that was withdrawn or unsure', async () => {
    const { ledger } = await filled();
    const rows = (await ledger.search({ limit: 100 })).rows;
    const say = async (frame: string, label: 'ok' | 'ng' | 'unsure' | 'withdrawn', at: number) => {
      const resultId = rows.find(({ frameId }) => frameId === frame)?.resultId ?? '';
      const said = { resultId, label, defectClass: label === 'ng' ? 'dent' : null, comment: null, reviewer: 'ann' };
      expect(await ledger.review({ ...said, reviewedAt: T0 + at })).toBe(true);
    };
    const late = 100 * 60_000;
    await say('f-1', 'ok', late);
    await say('f-1', 'ng', late + 1);
    await say('f-2', 'unsure', late);
    await say('f-4', 'ok', late);
    await say('f-5', 'ng', late);
    await say('f-5', 'withdrawn', late + 1);
    const judged = await ledger.judged(all);
    expect(judged.map(({ partId, label, defectClass }) => `${partId} ${label} ${defectClass}`).sort()).toEqual([
      'part-1 ng dent',
      'part-4 ok null',
    ]);
    expect(await ledger.judged({ ...all, cameraId: 'left' })).toHaveLength(1);
    expect(await ledger.judged({ ...all, until: T0 + 60_000 })).toEqual([]);
  });

  it('bring back what was judged once and long ago, or passed and was never judged', async () => {
    const { ledger } = await filled();
    const rows = (await ledger.search({ limit: 100 })).rows;
    const hour = 3_600_000;
    const say = (frame: string, label: 'ok' | 'ng' | 'withdrawn', hours: number, reviewer = 'ann') => {
      const resultId = rows.find(({ frameId }) => frameId === frame)?.resultId ?? '';
      const said = { resultId, label, reviewer, defectClass: null, comment: null };
      return ledger.review({ ...said, reviewedAt: T0 + hours * hour });
    };
    await say('f-1', 'ok', 2);
    await say('f-2', 'ng', 2);
    await say('f-2', 'ng', 2.5);
    await say('f-5', 'ok', 20);
    const ids = async (kind: 'again' | 'passed', place = 0, limit = 50) => {
      const found = await ledger.reviewSamples({ kind, before: T0 + 12 * hour, place, limit });
      return found.map(({ frameId }) => frameId);
    };
    expect(await ids('again')).toEqual(['f-1']);
    expect(await ids('again', 0.99)).toEqual([]);
    await say('f-4', 'ok', 2);
    const neverJudged = Array.from({ length: 20 }, (_, i) => `f-${i * 4}`).filter((name) => name !== 'f-4');
    expect(await ids('passed')).toEqual(neverJudged);
    expect(await ids('passed', 0.9999, 2)).toHaveLength(2);

    await say('f-1', 'ng', 14, 'bob');
    await say('f-4', 'ok', 14, 'bob');
    await say('f-5', 'ng', 40, 'bob');
    await say('f-5', 'withdrawn', 40.5, 'bob');
    const looks = await ledger.secondLooks({ since: T0, until: T0 + 100 * hour, apartMs: 8 * hour });
    expect(looks.map(({ reviewer, first, second }) => `${reviewer} ${first} ${second}`).sort()).toEqual([
      'bob ok ng',
      'bob ok ok',
    ]);
    expect(await ledger.secondLooks({ since: T0, until: T0 + 13 * hour, apartMs: 8 * hour })).toEqual([]);
  });

  it('are the same where a migration makes them of rows that stand already', async () => {
    const { ledger, path } = await filled();
    await ledger.stop();
    const { database } = openForWriting(path, 'full');
    const tables = ['outcome_counts', 'latency_counts', 'score_counts', 'series'];
    const cells = (table: string) =>
      database
        .prepare<[], { series_id: number }>(`SELECT * FROM ${table} JOIN series USING (series_id)`)
        .all()
        .map(({ series_id: _numbered, ...cell }) => JSON.stringify(cell))
        .sort();
    const written = () => tables.slice(0, 3).map(cells);
    const byWriter = written();
    database.pragma('foreign_keys = OFF');
    database.exec(`DROP INDEX reviews_by_time; ${tables.map((table) => `DROP TABLE ${table};`).join('')}`);
    database.exec(MIGRATIONS.find(({ sql }) => sql.includes('outcome_counts'))?.sql ?? '');
    expect(byWriter[0]).not.toHaveLength(0);
    expect(written()).toEqual(byWriter);
    database.close();
    expect((await verifyStore(path)).findings).toEqual([]);
  });
});
