import { describe, expect, it } from 'vitest';
import { databasePath, openForReading } from '../../src/record/database.ts';
import type { Ledger } from '../../src/record/ledger.ts';
import { verdictIs } from '../../src/record/sql.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { cam, openLedger, recordFrame } from './support.ts';

const T0 = 1_800_000_000_000;

async function filled() {
  const open = await openLedger();
  const { ledger } = open;
  const verdicts = ['PASS', 'FAIL', 'REVIEW', 'UNINSPECTED'] as const;
  for (let i = 0; i < 40; i++) {
    const verdict = verdicts[i % 4] ?? 'PASS';
    await recordFrame(ledger, `f-${i}`, {
      verdict,
      cameraId: cam(i % 2 === 0 ? 'left' : 'right'),
      partId: `part-${i % 8}`,
      jobId: i < 20 ? 'job-a' : 'job-b',
      receivedAt: T0 + i * 1000,
      reason: verdict === 'UNINSPECTED' ? 'bad_image' : null,
      defectProbability: verdict === 'UNINSPECTED' ? null : i / 40,
    });
  }
  return open;
}

const ids = async (ledger: Ledger, query: Omit<Parameters<Ledger['search']>[0], 'limit'>) => {
  const found: string[] = [];
  let before: number | undefined;
  do {
    const page = await ledger.search({ ...query, limit: 3, ...(before === undefined ? {} : { before }) });
    found.push(...page.rows.map((row) => row.frameId));
    before = page.next ?? undefined;
  } while (before !== undefined);
  return found;
};
const newestFirst = (test: (i: number) => boolean) =>
  Array.from({ length: 40 }, (_, i) => 39 - i)
    .filter(test)
    .map((i) => `f-${i}`);

describe('search', () => {
  it('finds by each field, page by page, newest first', async () => {
    const { ledger } = await filled();
    expect(await ids(ledger, {})).toEqual(newestFirst(() => true));
    expect(await ids(ledger, { cameraId: cam('left') })).toEqual(newestFirst((i) => i % 2 === 0));
    expect(await ids(ledger, { verdict: 'FAIL' })).toEqual(newestFirst((i) => i % 4 === 1));
    expect(await ids(ledger, { verdict: 'PASS' })).toEqual(newestFirst((i) => i % 4 === 0));
    expect(await ids(ledger, { cameraId: cam('right'), verdict: 'FAIL' })).toEqual(newestFirst((i) => i % 4 === 1));
    expect(await ids(ledger, { partId: 'part-3' })).toEqual(newestFirst((i) => i % 8 === 3));
    expect(await ids(ledger, { jobId: 'job-a', verdict: 'PASS' })).toEqual(newestFirst((i) => i < 20 && i % 4 === 0));
    expect(await ids(ledger, { model: 'parts' })).toHaveLength(40);
    expect(await ids(ledger, { model: 'other' })).toEqual([]);
    const middle = { minProbability: 0.25, maxProbability: 0.5 };
    expect(await ids(ledger, middle)).toEqual(newestFirst((i) => i >= 10 && i <= 20 && i % 4 !== 3));
    const time = { since: T0 + 10_000, until: T0 + 20_000 };
    expect(await ids(ledger, time)).toEqual(newestFirst((i) => i >= 10 && i < 20));
    expect(await ids(ledger, { ...time, verdict: 'FAIL' })).toEqual(
      newestFirst((i) => i >= 10 && i < 20 && i % 4 === 1),
    );
    expect(await ids(ledger, { ...time, minProbability: 0.4 })).toEqual(
      newestFirst((i) => i >= 16 && i < 20 && i % 4 !== 3),
    );
  });

  it('computes the link of one row in the chain again', async () => {
    const { ledger } = await filled();
    const row = await ledger.find(cam('left'), 'f-6' as never);
    const link = await ledger.chainLink(row?.resultId ?? '');
    expect(link?.computedHash).toBe(row?.chainHash);
    expect(link?.recordedHash).toBe(row?.chainHash);
    expect(await ledger.chainLink('nobody')).toBeNull();
  });
});

describe('reviews', () => {
  it('a judged result leaves the queue, and comes back when the judgement is withdrawn', async () => {
    const { ledger, path } = await filled();
    const queue = async () => (await ledger.unreviewed(null, 100)).rows.map((row) => row.frameId);
    const toJudge = newestFirst((i) => i % 4 === 1 || i % 4 === 2);
    expect(await queue()).toEqual(toJudge);
    const first = (await ledger.unreviewed(null, 1)).rows[0];
    const review = {
      resultId: first?.resultId ?? '',
      label: 'ok',
      defectClass: null,
      comment: '<img src=x onerror=alert(1)>',
      reviewer: 'ann',
      reviewedAt: T0,
    } as const;
    expect(await ledger.review(review)).toBe(true);
    expect(await queue()).toEqual(toJudge.slice(1));
    expect(await ledger.review({ ...review, label: 'withdrawn', reviewedAt: T0 + 1 })).toBe(true);
    expect(await queue()).toEqual(toJudge);
    expect(await ledger.reviewsOf(review.resultId)).toEqual([
      review,
      { ...review, label: 'withdrawn', reviewedAt: T0 + 1 },
    ]);
    expect(await ledger.review({ ...review, resultId: 'nobody' })).toBe(false);
    expect((await verifyStore(path)).findings).toEqual([]);
  });
});

describe('rows behind a place in the ledger', () => {
  it.each(['PASS', 'FAIL'] as const)(
    'of one camera that are %s are found without those of the others',
    async (verdict) => {
      const { ledger, path } = await filled();
      const filter = { cameraId: cam(verdict === 'PASS' ? 'left' : 'right'), verdict };
      expect(await ledger.pageAfter(0, 100, filter)).toHaveLength(10);
      const database = openForReading(databasePath(path));
      const where = `camera_id = ? AND ${verdictIs(verdict, filter.cameraId)} AND ledger_seq > ?`;
      const plan = database
        .prepare<unknown[], { detail: string }>(
          `EXPLAIN QUERY PLAN SELECT * FROM results WHERE ${where} ORDER BY ledger_seq LIMIT 100`,
        )
        .all(filter.cameraId, verdict, 0);
      database.close();
      expect(plan.map(({ detail }) => detail)).toEqual([
        expect.stringMatching(/INDEX \S+ \(camera_id=\?.* AND rowid>\?\)$/),
      ]);
    },
  );
});
