import { describe, expect, it } from 'vitest';
import { agreementOf, chartOf, judgedOf, latencyOf, totalsOf } from '../../src/dashboard/quality-view.ts';
import { Calendar } from '../../src/dashboard/shifts.ts';

const SHIFTS = [
  { name: 'early', start: '06:00' },
  { name: 'late', start: '14:15' },
  { name: 'night', start: '22:00' },
];
const berlin = new Calendar('Europe/Berlin', SHIFTS);
const at = (text: string) => Date.parse(text);

describe('the calendar of the plant', () => {
  it('puts a quarter of an hour into its hour, shift and day by the local clock', () => {
    expect(berlin.groupOf(at('2026-11-24T05:00:00Z'), 'hour').label).toBe('2026-11-24 06:00');
    expect(berlin.groupOf(at('2026-11-24T05:00:00Z'), 'shift').label).toBe('2026-11-24 early');
    expect(berlin.groupOf(at('2026-11-24T13:00:00Z'), 'shift').label).toBe('2026-11-24 early');
    expect(berlin.groupOf(at('2026-11-24T13:15:00Z'), 'shift').label).toBe('2026-11-24 late');
    expect(berlin.groupOf(at('2026-11-24T23:30:00Z'), 'day').label).toBe('2026-11-25');
    expect(berlin.groupOf(at('2026-11-25T03:45:00Z'), 'shift').from).toBe(at('2026-11-24T21:00:00Z'));
  });

  it('counts the hours after midnight to the shift of the evening before, over a change of the clock too', () => {
    expect(berlin.groupOf(at('2026-11-25T03:45:00Z'), 'shift').label).toBe('2026-11-24 night');
    // The clock goes back at 01:00 UTC on 25 October 2026: two o'clock comes twice.
    expect(berlin.groupOf(at('2026-10-25T00:30:00Z'), 'hour').label).toBe('2026-10-25 02:00');
    expect(berlin.groupOf(at('2026-10-25T01:30:00Z'), 'hour').label).toBe('2026-10-25 02:00');
    expect(berlin.groupOf(at('2026-10-25T04:45:00Z'), 'shift').label).toBe('2026-10-24 night');
    expect(berlin.groupOf(at('2026-10-25T05:00:00Z'), 'shift').label).toBe('2026-10-25 early');
    const nepal = new Calendar('Asia/Kathmandu', SHIFTS);
    expect(nepal.groupOf(at('2026-11-24T00:15:00Z'), 'shift').label).toBe('2026-11-24 early');
    expect(nepal.groupOf(at('2026-11-24T00:00:00Z'), 'shift').label).toBe('2026-11-23 night');
  });
});

describe('what Quality shows', () => {
  it('groups counts, and charts the share that failed among what was inspected', () => {
    const rows = (minute: number, PASS: number, FAIL: number, UNINSPECTED = 0) =>
      Object.entries({ PASS, FAIL, UNINSPECTED }).map(([verdict, count]) => ({
        at: at('2026-11-24T05:00:00Z') + minute * 60_000,
        verdict: verdict as 'PASS',
        rows: count,
      }));
    const chart = chartOf([...rows(0, 90, 10, 50), ...rows(15, 90, 10), ...rows(60, 300, 0)], berlin, 'hour');
    expect(chart.groups.map(({ label, rejectRate }) => [label, rejectRate])).toEqual([
      ['2026-11-24 06:00', 0.1],
      ['2026-11-24 07:00', 0],
    ]);
    expect(chart.centre).toBeCloseTo(20 / 500);
    expect(chart.groups[0]).toMatchObject({ counts: { PASS: 180, FAIL: 20, UNINSPECTED: 50 }, signal: 'above' });
  });

  it('adds up cameras and recipes, and reads answer times', () => {
    const series = [
      { cameraId: 'a', recipe: 'x', verdict: 'PASS', rows: 3 },
      { cameraId: 'a', recipe: 'x', verdict: 'FAIL', rows: 1 },
      { cameraId: 'a', recipe: '', verdict: 'UNINSPECTED', rows: 2 },
    ] as const;
    expect(totalsOf(series)).toEqual({
      total: { PASS: 3, FAIL: 1, REVIEW: 0, UNINSPECTED: 2 },
      series: [
        { cameraId: 'a', recipe: 'x', counts: { PASS: 3, FAIL: 1, REVIEW: 0, UNINSPECTED: 0 } },
        { cameraId: 'a', recipe: '', counts: { PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 2 } },
      ],
    });
    expect(latencyOf([{ bucket: 8, rows: 10 }])).toEqual({ p50Ms: 9, p95Ms: 9.9, p99Ms: 9.98 });
    expect(latencyOf([])).toEqual({ p50Ms: null, p95Ms: null, p99Ms: null });
  });

  it('measures people by what they said of the same picture twice', () => {
    const look = (reviewer: string, first: string, second: string) => ({ reviewer, first, second });
    expect(agreementOf([look('ann', 'ok', 'ok'), look('bob', 'ok', 'ng'), look('ann', 'ng', 'ng')])).toEqual([
      { reviewer: 'ann', pairs: 2, agreed: 2, kappa: 1 },
      { reviewer: 'bob', pairs: 1, agreed: 0, kappa: 0 },
    ]);
  });

  it('tells escapes among the defective from false rejects among the good, and sorts the defects', () => {
    const said = (verdict: 'PASS' | 'FAIL' | 'UNINSPECTED', label: 'ok' | 'ng', defectClass: string | null = null) => ({
      resultId: String(Math.random()),
      partId: null,
      modelSha256: null,
      verdict,
      probability: verdict === 'UNINSPECTED' ? null : 0.5,
      unfamiliarity: null,
      label,
      defectClass,
    });
    const found = judgedOf([
      said('PASS', 'ng', 'dent'),
      said('FAIL', 'ng', 'crack'),
      said('FAIL', 'ng', 'crack'),
      said('FAIL', 'ok'),
      said('PASS', 'ok'),
      said('UNINSPECTED', 'ng'),
    ]);
    expect(found).toMatchObject({
      judged: 6,
      judgedPass: 2,
      escapes: { count: 1, of: 3 },
      falseRejects: { count: 1, of: 2 },
      defects: [
        { defectClass: 'crack', count: 2 },
        { defectClass: 'dent', count: 1 },
        { defectClass: null, count: 1 },
      ],
    });
  });
});
