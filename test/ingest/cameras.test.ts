import { describe, expect, it } from 'vitest';
import { describeError } from '../../src/errors.ts';
import type { CameraId } from '../../src/frame/frame.ts';
import { Cameras, type CameraSettings } from '../../src/ingest/cameras.ts';
import { SequenceGaps } from '../../src/ingest/sequence-gaps.ts';
import { Turnstile } from '../../src/ingest/turnstile.ts';

const SETTINGS: CameraSettings = {
  recipeId: 'default',
  taktMs: null,
  onUninspected: 'reject',
  countsGaps: true,
  queue: { frames: 1, bytes: 1 },
  maxFps: null,
  frozenAfter: null,
};
const id = (text: string) => text as CameraId;

describe('cameras', () => {
  it('serves listed cameras and refuses others when told so', () => {
    const cameras = new Cameras({
      listed: new Map([[id('a'), SETTINGS]]),
      unlisted: null,
      maxUnlisted: 1,
      now: () => 0,
    });
    expect(cameras.admit(id('a'))).toBe(SETTINGS);
    expect(cameras.admit(id('b'))).toMatchObject({ kind: 'refused', code: 'unknown_camera' });
  });

  it('serves a bounded number of cameras not listed, and lets an idle one go', () => {
    let now = 0;
    const cameras = new Cameras({ listed: new Map(), unlisted: SETTINGS, maxUnlisted: 2, now: () => now });
    expect(cameras.admit(id('a'))).toBe(SETTINGS);
    expect(cameras.admit(id('b'))).toBe(SETTINGS);
    expect(cameras.admit(id('c'))).toMatchObject({ code: 'too_many_cameras' });
    now = 3_500_000;
    expect(cameras.admit(id('a'))).toBe(SETTINGS);
    now = 3_700_000;
    expect(cameras.admit(id('c'))).toBe(SETTINGS);
    expect(cameras.admit(id('b'))).toMatchObject({ code: 'too_many_cameras' });
    expect(cameras.admit(id('a'))).toBe(SETTINGS);
  });
});

describe('the pace of a camera', () => {
  const at = (maxFps: number) => {
    let now = 0;
    const settings = { ...SETTINGS, maxFps };
    const cameras = new Cameras({
      listed: new Map([[id('a'), settings]]),
      unlisted: settings,
      maxUnlisted: 1,
      now: () => now,
    });
    const taken = (camera: string, times: number) =>
      Array.from({ length: times }, () => cameras.admit(id(camera))).filter((one) => !('kind' in one)).length;
    return { cameras, taken, pass: (ms: number) => void (now += ms) };
  };

  it("takes a second's worth at once, then as much as time brings, and refuses the rest with a reason to try again", () => {
    const { cameras, taken, pass } = at(10);
    expect(taken('a', 15)).toBe(10);
    expect(cameras.admit(id('a'))).toMatchObject({ kind: 'refused', code: 'rate_limited' });
    expect(describeError('rate_limited')).toMatchObject({ recorded: false, retry: true, http: 429 });
    pass(500);
    expect(taken('a', 15)).toBe(5);
    pass(3_600_000);
    expect(taken('a', 15)).toBe(10);
  });

  it('lets a slow line have its one frame, and no camera take from another', () => {
    const { taken, pass } = at(0.5);
    expect(taken('a', 3)).toBe(1);
    expect(taken('b', 3)).toBe(1);
    pass(1999);
    expect(taken('a', 1)).toBe(0);
    pass(1);
    expect(taken('a', 1)).toBe(1);
  });
});

describe('sequence gaps', () => {
  it('counts what is missing, not what comes late or twice', () => {
    const gaps = new SequenceGaps();
    const seen = [5n, 6n, 9n, 8n, 9n, 10n].map((n) => gaps.note(id('a'), n));
    expect(seen).toEqual([0, 0, 2, 0, 0, 0]);
    expect(gaps.note(id('b'), 3n)).toBe(0);
  });

  it('takes a number far away for a camera that counts anew, and then counts from there', () => {
    const gaps = new SequenceGaps();
    const seen = [5000n, 1n, 3n, 1_000_003n, 2n ** 63n, 4n, 6n].map((n) => gaps.note(id('a'), n));
    expect(seen).toEqual([0, 0, 1, 999_999, 0, 0, 1]);
  });
});

describe('the turnstile', () => {
  it('lets a frame on when all earlier ones of its camera are through', async () => {
    const turnstile = new Turnstile();
    const [a, b, c] = [turnstile.enter(id('x')), turnstile.enter(id('x')), turnstile.enter(id('x'))];
    const order: string[] = [];
    const waits = [c.wait(5000).then(() => order.push('c')), b.wait(5000).then(() => order.push('b') && b.pass())];
    await turnstile.enter(id('y')).wait(5000);
    expect(order).toEqual([]);
    a.pass();
    await Promise.all(waits);
    expect(order).toEqual(['b', 'c']);
  });

  it('does not wait longer than it may', async () => {
    const turnstile = new Turnstile();
    turnstile.enter(id('x'));
    await turnstile.enter(id('x')).wait(5);
  });
});
