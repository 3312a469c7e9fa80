import { describe, expect, it } from 'vitest';
import type { CameraId, FrameId } from '../../../src/frame/frame.ts';
import { draftOf, type PublishProperties } from '../../../src/ingest/mqtt/message.ts';
import { encodeInspectRequest } from '../../../src/ingest/wire/request.ts';

const topic = { kind: 'frame', cameraId: 'cam-1' as CameraId, frameId: null } as const;
const bytes = Buffer.from('image');
const of = (properties: PublishProperties | null, frameId: string | null = null) =>
  draftOf(
    { topic: '', payload: bytes, retain: false, isRepeat: false, properties },
    { ...topic, frameId: frameId as FrameId | null },
  );

describe('a message on a frame topic', () => {
  it('is the image as it is, with nothing else on MQTT 3.1.1', () => {
    expect(of(null, 'f1')).toMatchObject({
      kind: 'draft',
      draft: { cameraId: 'cam-1', frameId: 'f1', sequence: null, tags: {}, image: { kind: 'encoded', bytes } },
    });
  });

  it('carries every field as a user property', () => {
    const userProperties = {
      'frame-id': 'f1',
      'part-id': 'p',
      'job-id': 'j',
      'product-id': 'pr',
      'meas-id': 'm',
      'recipe-id': 'r',
      sequence: '7',
      'captured-at': '2026-01-02T03:04:05.678Z',
      'max-wait-ms': '250',
      simulated: 'true',
      'tag-lane': 'left',
      unknown: 'ignored',
    };
    expect(of({ userProperties, contentType: 'image/jpeg' })).toMatchObject({
      draft: {
        frameId: 'f1',
        partId: 'p',
        jobId: 'j',
        productId: 'pr',
        measId: 'm',
        recipeId: 'r',
        sequence: 7n,
        capturedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
        maxWaitMs: 250,
        isSimulated: true,
        tags: { lane: 'left' },
      },
    });
  });

  it('takes ISO 8601 or milliseconds as time', () => {
    for (const time of [
      '2026-01-02T03:04:05+01:00',
      '2026-01-02 03:04:05.5Z',
      '2026-01-02T03:04',
      '2024-02-29T03:04Z',
    ]) {
      expect(of({ userProperties: { 'captured-at': time } })).toMatchObject({
        draft: { capturedAt: Date.parse(time) },
      });
    }
    expect(of({ userProperties: { 'captured-at': '1790000000000' } })).toMatchObject({
      draft: { capturedAt: 1_790_000_000_000 },
    });
  });

  it('holds raw pixels where the content type says so', () => {
    expect(of({ contentType: 'application/x-raw; format=MONO8; width=4; height=2; stride=8' })).toMatchObject({
      draft: { image: { kind: 'raw', format: 'MONO8', width: 4, height: 2, stride: 8 } },
    });
    expect(of({ contentType: 'application/x-raw;format=RGB8;width=4;height=2' })).toMatchObject({
      draft: { image: { stride: 12 } },
    });
  });

  it.each([
    [{ userProperties: { sequence: '-1' } }, /sequence/],
    [{ userProperties: { sequence: '1e3' } }, /sequence/],
    [{ userProperties: { 'captured-at': 'yesterday' } }, /captured-at/],
    [{ userProperties: { 'max-wait-ms': 'soon' } }, /max-wait-ms/],
    [{ userProperties: { simulated: 'maybe' } }, /simulated/],
    [{ userProperties: { 'part-id': ['a', 'b'] } }, /part-id once/],
    [{ contentType: 'application/x-raw; format=MONO9; width=4; height=2' }, /format/],
    [{ contentType: 'application/x-raw; format=MONO8; width=0; height=2' }, /width/],
    [{ contentType: 'application/x-raw; format=MONO8; width=4' }, /height/],
  ])('is refused with %j', (properties, message) => {
    const drafted = of(properties);
    expect(drafted).toMatchObject({
      kind: 'refused',
      code: 'invalid_request',
      message: expect.stringMatching(message),
    });
  });

  it('is refused where topic and property name different frames', () => {
    expect(of({ userProperties: { 'frame-id': 'f2' } }, 'f1')).toMatchObject({ code: 'invalid_request' });
  });
});

describe('a message on a request topic', () => {
  const request = (cameraId: string) => {
    const drafted = of(null, 'f1');
    if (drafted.kind !== 'draft') throw new Error(drafted.message);
    const payload = encodeInspectRequest({ ...drafted.draft, cameraId });
    return draftOf(
      { topic: '', payload, retain: false, isRepeat: false, properties: null },
      { kind: 'request', cameraId: topic.cameraId },
    );
  };

  it('is an InspectRequest, whose camera may be left out', () => {
    expect(request('cam-1')).toMatchObject({ draft: { cameraId: 'cam-1', frameId: 'f1' } });
    expect(request('')).toMatchObject({ draft: { cameraId: 'cam-1' } });
  });

  it('is refused for another camera than the topic names, and for other bytes', () => {
    expect(request('cam-2')).toMatchObject({ code: 'invalid_request' });
    const garbage = {
      topic: '',
      payload: Buffer.from([255, 255, 255]),
      retain: false,
      isRepeat: false,
      properties: null,
    };
    expect(draftOf(garbage, { kind: 'request', cameraId: topic.cameraId })).toMatchObject({ code: 'invalid_request' });
  });
});
