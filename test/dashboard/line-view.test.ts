import { describe, expect, it } from 'vitest';
import { LineView } from '../../src/dashboard/line-view.ts';
import type { CameraId } from '../../src/frame/frame.ts';
import type { RecordedResult } from '../../src/frame/verdict.ts';
import { recordedOf } from '../support/frames.ts';

const CAM = 'cam-1' as CameraId;
const NOW = 1_800_000_000_000;

function lineOf(count: number, over: (i: number) => Partial<RecordedResult> = () => ({}), periodMs = 1000): LineView {
  const view = new LineView(new Map([[CAM, { taktMs: 200 }]]));
  for (let i = 0; i < count; i++) {
    const receivedAt = NOW - (count - 1 - i) * periodMs;
    view.note({ ...recordedOf({ cameraId: CAM }), ledgerSeq: i + 1, receivedAt, ...over(i) });
  }
  return view;
}

describe('the line view', () => {
  it('says that a listed camera was never seen', () => {
    expect(lineOf(0).camera(CAM, NOW)).toMatchObject({ last: null, strip: '', conditions: [{ kind: 'never_seen' }] });
  });

  it('keeps the last 50 verdicts, and counts the last minute and hour', () => {
    const view = lineOf(80, (i) => ({ verdict: i % 10 === 9 ? 'FAIL' : 'PASS' }));
    const camera = view.camera(CAM, NOW);
    expect(camera.strip).toHaveLength(50);
    expect(camera.strip.endsWith('PPPPPPPPPF')).toBe(true);
    expect(camera.perMinute).toBe(60);
    expect(camera.counts).toEqual({ PASS: 72, FAIL: 8, REVIEW: 0, UNINSPECTED: 0 });
    expect(camera.lastRejected).toMatchObject({ verdict: 'FAIL', ledgerSeq: 80 });
    expect(camera.conditions).toEqual([]);
  });

  it('counts what did not pass, and says which of it has a heat map and when one came after its frame', () => {
    const made = new Set<string>();
    const view = new LineView(new Map(), { driftOf: () => [], hasHeatMap: (id) => made.has(id) });
    for (let i = 0; i < 10; i++) {
      const verdict = i % 3 === 0 ? 'FAIL' : 'PASS';
      view.note({ ...recordedOf({ cameraId: CAM, resultId: `r${i}`, verdict }), ledgerSeq: i + 1, receivedAt: NOW });
    }
    expect(view.camera(CAM, NOW)).toMatchObject({ notPassed: 4, lastRejected: { resultId: 'r9', hasHeatMap: false } });
    const before = view.lateNews(CAM, NOW);
    expect(view.lateNews(CAM, NOW)).toBe(before);
    made.add('r9');
    expect(view.lateNews(CAM, NOW)).not.toBe(before);
    expect(view.camera(CAM, NOW).lastRejected).toMatchObject({ hasHeatMap: true });
  });

  it('forgets what is older than an hour', () => {
    const view = lineOf(10);
    expect(view.camera(CAM, NOW + 2 * 3_600_000)).toMatchObject({ perMinute: 0, counts: { PASS: 0 } });
  });

  it('calls a camera silent after five of its own periods, never before five seconds', () => {
    expect(lineOf(20).camera(CAM, NOW + 4900).conditions).toEqual([]);
    expect(lineOf(20).camera(CAM, NOW + 5100).conditions).toEqual([{ kind: 'silent', sinceMs: 5100, periodMs: 1000 }]);
    expect(lineOf(20, undefined, 10_000).camera(CAM, NOW + 49_000).conditions).toEqual([]);
    expect(lineOf(20, undefined, 10).camera(CAM, NOW + 4000).conditions).toEqual([]);
  });

  it('calls a camera silent whose last frame bears a time that the clock, set back since, has not reached again', () => {
    const view = lineOf(20);
    expect(view.camera(CAM, NOW - 4900).conditions).toEqual([]);
    expect(view.camera(CAM, NOW - 3_600_000).conditions).toMatchObject([{ kind: 'silent', sinceMs: null }]);
  });

  it('counts the last minute by the clock as it was set back, and not all that came since', () => {
    const view = lineOf(80);
    for (let i = 0; i < 300; i++) {
      const receivedAt = NOW - 3_600_000 + i * 1000;
      view.note({ ...recordedOf({ cameraId: CAM }), ledgerSeq: 81 + i, receivedAt });
    }
    expect(view.camera(CAM, NOW - 3_600_000 + 299_000).perMinute).toBe(60);
  });

  it('calls it late when a tenth of its answers came after the takt or not at all', () => {
    const times = { queueMs: 1, decodeMs: 1, inferMs: 1, totalMs: 201 };
    expect(lineOf(10, (i) => (i === 3 ? { times } : {})).camera(CAM, NOW).conditions).toEqual([
      { kind: 'late', share: 0.1 },
    ]);
    const missed = { verdict: 'UNINSPECTED', reason: 'deadline_exceeded' } as const;
    expect(lineOf(10, (i) => (i < 5 ? missed : {})).camera(CAM, NOW).conditions).toEqual([
      { kind: 'late', share: 0.5 },
    ]);
  });

  it('says why parts are not inspected', () => {
    const bad = { verdict: 'UNINSPECTED', reason: 'bad_image' } as const;
    expect(lineOf(10, (i) => (i > 7 ? bad : {})).camera(CAM, NOW).conditions).toEqual([
      { kind: 'uninspected', share: 0.2, reason: 'bad_image' },
    ]);
  });

  it('says that pictures are unlike what the model has learned', () => {
    const far = { verdict: 'REVIEW', unfamiliarity: 0.5 } as const;
    const line = lineOf(10, (i) => (i > 7 ? far : { unfamiliarity: 0.4 })).camera(CAM, NOW);
    expect(line.conditions).toEqual([{ kind: 'unfamiliar', share: 0.2 }]);
    expect(line.lastRejected?.unfamiliarity).toBe(0.5);
  });

  it('offers only pictures that are kept and that a browser can show', () => {
    const fail = { verdict: 'FAIL', imagePath: 'a.tif', imageMediaType: 'image/tiff' } as const;
    expect(lineOf(1, () => fail).camera(CAM, NOW).lastRejected?.hasPicture).toBe(false);
    const jpeg = { ...fail, imageMediaType: 'image/jpeg' };
    expect(lineOf(1, () => jpeg).camera(CAM, NOW).lastRejected?.hasPicture).toBe(true);
  });

  it('keeps at most 256 cameras, and always those that are listed', () => {
    const view = lineOf(1);
    for (let i = 0; i < 300; i++) view.note({ ...recordedOf({ cameraId: `other-${i}` as CameraId }), receivedAt: NOW });
    expect(view.cameraIds()).toHaveLength(256);
    expect(view.cameraIds()[0]).toBe(CAM);
    expect(view.cameraIds()).not.toContain('other-0');
  });
});
