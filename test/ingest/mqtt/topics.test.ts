import { describe, expect, it } from 'vitest';
import type { CameraId } from '../../../src/frame/frame.ts';
import { Topics } from '../../../src/ingest/mqtt/topics.ts';

const topics = new Topics('plant/line-1/vision');
const cam = 'cam-1' as CameraId;

describe('Topics', () => {
  it('reads frames, with and without an id, and requests below a root of several levels', () => {
    expect(topics.parse('plant/line-1/vision/cam-1/frame')).toEqual({
      kind: 'frame',
      cameraId: 'cam-1',
      frameId: null,
    });
    expect(topics.parse('plant/line-1/vision/cam-1/frame/f.7')).toMatchObject({ kind: 'frame', frameId: 'f.7' });
    expect(topics.parse('plant/line-1/vision/cam-1/request')).toEqual({ kind: 'request', cameraId: 'cam-1' });
  });

  it.each([
    'plant/line-1/vision/cam-1/result',
    'plant/line-1/vision/status',
    'other/cam-1/frame',
    'plant/line-1/vision/frame',
    'plant/line-1/vision/cam-1/request/7',
  ])('takes %s for no frame', (topic) => expect(topics.parse(topic)).toBeNull());

  it.each(['..', '$SYS', '', 'a b', 'ü', 'x'.repeat(65)])('refuses the camera id %j', (camera) => {
    expect(topics.parse(`plant/line-1/vision/${camera}/frame`)).toMatchObject({
      kind: 'refused',
      code: 'invalid_request',
    });
  });

  it('refuses a bad frame id', () => {
    expect(topics.parse('plant/line-1/vision/cam-1/frame/../x')).toBeNull();
    expect(topics.parse('plant/line-1/vision/cam-1/frame/-x')).toMatchObject({ code: 'invalid_request' });
  });

  it.each([
    ['plant/line-1/vision/reply/me', true],
    ['any/where', true],
    ['plant/line-1/vision/cam-1/result', true],
    ['plant/line-1/vision/cam-2/result', false],
    ['plant/line-1/vision/cam-1/frame', false],
    ['plant/line-1/vision/cam-2/frame/f1', false],
    ['plant/line-1/vision/cam-1/request', false],
    ['plant/line-1/vision/cam-1/state', false],
    ['plant/line-1/vision/status', false],
    ['$SYS/x', false],
    ['a/+/b', false],
    ['a/#', false],
    ['', false],
    ['a\u0000b', false],
    ['x'.repeat(257), false],
    ['a/'.repeat(40), false],
  ])('response topic %j: %s', (topic, isGood) => expect(topics.isResponseTopic(topic, cam)).toBe(isGood));

  it('knows a filter for replies only', () => {
    expect(topics.isReplyFilter('plant/line-1/vision/reply/me')).toBe(true);
    expect(topics.isReplyFilter('plant/line-1/vision/reply/#')).toBe(false);
    expect(topics.isReplyFilter('plant/line-1/vision/reply/result')).toBe(false);
    expect(topics.isReplyFilter('plant/line-1/vision/cam-1/result')).toBe(false);
  });
});
