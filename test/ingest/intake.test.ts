import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { frameIdFrom } from '../../src/frame/identifiers.ts';
import { type FrameDraft, isNamedByPicture, takeIn } from '../../src/ingest/intake.ts';

const clock = { now: () => 1_790_000_000_000, mono: () => 5 };
const bytes = Buffer.from('image');

function draftOf(over: Partial<FrameDraft> = {}): FrameDraft {
  return {
    cameraId: 'cam-1',
    frameId: 'f-1',
    sequence: null,
    capturedAt: null,
    partId: null,
    jobId: null,
    productId: null,
    measId: null,
    recipeId: null,
    roi: null,
    maxWaitMs: null,
    tags: {},
    isSimulated: false,
    image: { kind: 'encoded', bytes },
    ...over,
  };
}

function frameOf(over: Partial<FrameDraft> = {}) {
  const intake = takeIn(draftOf(over), 'mqtt', clock);
  if (intake.kind !== 'frame') throw new Error(intake.message);
  return intake.frame;
}

function refusalOf(over: Partial<FrameDraft>) {
  const intake = takeIn(draftOf(over), 'mqtt', clock);
  return intake.kind === 'refused' ? { code: intake.code, message: intake.message } : null;
}

describe('taking in a frame', () => {
  it('keeps what was sent and adds receipt, road and the hash of the image', () => {
    expect(frameOf({ partId: '4711', sequence: 7n, tags: { shift: 'early' } })).toMatchObject({
      cameraId: 'cam-1',
      frameId: 'f-1',
      partId: '4711',
      sequence: 7n,
      tags: { shift: 'early' },
      transport: 'mqtt',
      receivedAt: 1_790_000_000_000,
      receivedAtMono: 5,
      imageSha256: createHash('sha256').update(bytes).digest('hex'),
    });
  });

  it('names a frame that came without an id by its content', () => {
    const { frameId } = frameOf({ frameId: null });
    expect(frameId).toMatch(/^sha256-[0-9a-f]{40}$/);
    expect(frameOf({ frameId: '' }).frameId).toBe(frameId);
  });

  it('tells two parts with the same picture apart by what the camera says of them, and knows each again', () => {
    const ids = [
      { sequence: 7n },
      { sequence: 8n },
      { capturedAt: 1_790_000_000_001 },
      { partId: '8' },
      { measId: '8' },
      { partId: '8', sequence: 7n },
      {},
    ].map((said) => frameOf({ frameId: null, ...said }).frameId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(frameOf({ frameId: null, sequence: 7n, tags: { sent: 'again' } }).frameId).toBe(ids[0]);
    expect(frameIdFrom(ids[0] ?? '')).toBe(ids[0]);
  });

  it('tells what is asked of one picture apart: another recipe or region is not answered by the verdict of the first', () => {
    const left = { x: 0, y: 0, width: 0.5, height: 1 };
    const asked = [
      {},
      { recipeId: 'rim' },
      { roi: left },
      { roi: { ...left, x: 0.5 } },
      { recipeId: 'rim', roi: left },
    ];
    const ids = [null, 7n].flatMap((sequence) =>
      asked.map((one) => frameOf({ frameId: null, sequence, ...one }).frameId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(frameOf({ frameId: null, roi: { ...left } }).frameId).toBe(ids[2]);
    // A camera that froze says what it wants all the same: nothing but the picture names its frames.
    for (const one of asked) {
      const bare = frameOf({ frameId: null, ...one });
      expect(isNamedByPicture(bare)).toBe(true);
      expect(isNamedByPicture(frameOf({ frameId: null, sequence: 7n, ...one }))).toBe(false);
    }
    expect(isNamedByPicture(frameOf())).toBe(false);
  });

  it('takes empty and zero for not supplied', () => {
    expect(frameOf({ partId: '', recipeId: '', sequence: 0n, maxWaitMs: 0 })).toMatchObject({
      partId: null,
      recipeId: null,
      sequence: null,
      maxWaitMs: null,
    });
  });

  it('lets a region outside the image through: it has an identity and will be recorded', () => {
    expect(frameOf({ roi: { x: 2, y: 0, width: -1, height: 9 } }).roi).toEqual({ x: 2, y: 0, width: -1, height: 9 });
  });

  it.each([
    ['an empty camera id', { cameraId: '' }],
    ['a camera id with a slash', { cameraId: 'a/b' }],
    ['a camera id that climbs', { cameraId: '../etc' }],
    ['a camera id with a wildcard', { cameraId: 'cam+' }],
    ['a camera id of 65 characters', { cameraId: 'c'.repeat(65) }],
    ['a frame id with a NUL', { frameId: 'f\0' }],
    ['a frame id of 129 characters', { frameId: 'f'.repeat(129) }],
    ['an id that is a prototype', { frameId: '__proto__' }],
    ['an empty image', { image: { kind: 'encoded', bytes: new Uint8Array(0) } }],
    ['a part id of 129 characters', { partId: 'p'.repeat(129) }],
    ['a part id with a line break', { partId: 'a\n{"level":50}' }],
    ['a job id with half a surrogate pair', { jobId: '\ud800' }],
    ['a recipe id with an escape sequence', { recipeId: '\u001b[2J' }],
    ['a sequence beyond 63 bits', { sequence: 2n ** 63n }],
    ['a negative sequence', { sequence: -1n }],
    ['a capture time in 1970', { capturedAt: 0 }],
    ['a capture time that is no number', { capturedAt: Number.NaN }],
    ['a capture time beyond all dates', { capturedAt: 1e300 }],
    ['a region that is no number', { roi: { x: Number.NaN, y: 0, width: 1, height: 1 } }],
    ['an infinite region', { roi: { x: 0, y: 0, width: Number.POSITIVE_INFINITY, height: 1 } }],
    ['a negative patience', { maxWaitMs: -1 }],
    ['seventeen tags', { tags: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`t${i}`, ''])) }],
    ['a tag without a name', { tags: { '': 'x' } }],
    ['a tag named like the prototype', { tags: Object.fromEntries([['__proto__', 'x']]) }],
    ['a tag value of 129 characters', { tags: { t: 'x'.repeat(129) } }],
  ] as [string, Partial<FrameDraft>][])('refuses %s', (_, over) => {
    expect(refusalOf(over)?.code).toBe('invalid_request');
  });

  it('says the rule and what came, and quotes a long value only in part', () => {
    const message = refusalOf({ cameraId: `é${'x'.repeat(10_000)}` })?.message ?? '';
    expect(message).toContain('camera_id must be 1 to 64 characters');
    expect(message).toContain('"éxxx');
    expect(message).toContain('(10001 characters)');
    expect(message.length).toBeLessThan(250);
  });
});
