import { describe, expect, it } from 'vitest';
import { describeSummary, Tally } from '../../../src/commands/send/tally.ts';
import type { Verdict } from '../../../src/frame/verdict.ts';

const answer = (verdict: Verdict, reason: string | null = null, duplicate = false) =>
  ({ kind: 'answered', resultId: 'r', verdict, reason, probability: null, duplicate }) as const;

describe('the tally', () => {
  it('counts verdicts, reasons, duplicates and errors', () => {
    const tally = new Tally();
    tally.add(answer('PASS'), null, 10);
    tally.add(answer('FAIL', null, true), null, 20);
    tally.add(answer('UNINSPECTED', 'bad_image'), null, 30);
    tally.add({ kind: 'error', code: 'unreachable', message: '' }, null, 5);
    expect(tally.summary(4, 2)).toEqual({
      frames: 4,
      answered: 3,
      errors: 1,
      duplicates: 1,
      verdicts: { PASS: 1, FAIL: 1, REVIEW: 0, UNINSPECTED: 1 },
      error_codes: { unreachable: 1 },
      reasons: { bad_image: 1 },
      latency_ms: { p50: 20, p95: 30, p99: 30, max: 30 },
      seconds: 2,
      frames_per_second: 1.5,
    });
  });

  it('takes percentiles by nearest rank', () => {
    const tally = new Tally();
    for (let i = 100; i >= 1; i--) tally.add(answer('PASS'), null, i);
    expect(tally.summary(100, 1).latency_ms).toEqual({ p50: 50, p95: 95, p99: 99, max: 100 });
  });

  it('has no latency where nothing was answered', () => {
    expect(new Tally().summary(0, 0)).toMatchObject({ latency_ms: null, frames_per_second: 0 });
  });

  it('sets verdicts against what the folders say, REVIEW and UNINSPECTED apart', () => {
    const tally = new Tally();
    tally.add(answer('PASS'), 'ok', 1);
    tally.add(answer('REVIEW'), 'ok', 1);
    tally.add(answer('PASS'), 'ng', 1);
    tally.add(answer('UNINSPECTED', 'queue_full'), 'ng', 1);
    const summary = tally.summary(4, 1);
    expect(summary.confusion).toEqual({
      ok: { PASS: 1, FAIL: 0, REVIEW: 1, UNINSPECTED: 0 },
      ng: { PASS: 1, FAIL: 0, REVIEW: 0, UNINSPECTED: 1 },
    });
    const text = describeSummary(summary);
    expect(text).toContain('escapes (ng passed) 1   false rejects (ok failed) 0');
    expect(text).toMatch(/ng\s+│ 1\s+│ 0\s+│ 0\s+│ 1/);
    expect(text).toContain('queue_full 1');
  });
});
