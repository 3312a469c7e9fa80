import { describe, expect, it } from 'vitest';
import type { CameraId } from '../../src/frame/frame.ts';
import { Admission, type Place } from '../../src/ingest/admission.ts';

const place = (cameraId: string, bytes = 10, lane = 'a'): Place => ({ cameraId: cameraId as CameraId, bytes, lane });

function admission(frames = 10, bytes = 1000, own = { frames: 4, bytes: 100 }) {
  return new Admission<Place>({ frames, bytes }, () => own);
}

describe('admission', () => {
  it('refuses a frame when the queue of its camera holds its limit in frames', () => {
    const line = admission();
    for (let i = 0; i < 4; i++) expect(line.enter(place('a', 1))).toBeNull();
    expect(line.enter(place('a', 1))).toMatchObject({ reason: 'queue_full' });
    expect(line.enter(place('b', 1))).toBeNull();
  });

  it('refuses a frame when the queue holds its limit in bytes, of one camera and of all', () => {
    const line = admission(10, 150);
    expect(line.enter(place('a', 100))).toBeNull();
    expect(line.enter(place('a', 1))?.detail).toContain('camera a');
    expect(line.enter(place('b', 51))?.detail).toContain('the service');
    expect(line.enter(place('b', 50))).toBeNull();
  });

  it('takes from the cameras in turn', () => {
    const line = admission();
    for (const camera of ['a', 'a', 'a', 'b', 'c']) line.enter(place(camera));
    const order = Array.from({ length: 5 }, () => line.take('a')?.cameraId);
    expect(order).toEqual(['a', 'b', 'c', 'a', 'a']);
    expect(line.take('a')).toBeUndefined();
    expect(line.depth).toEqual({ frames: 0, bytes: 0 });
  });

  it('gives each lane its own frames only', () => {
    const line = admission();
    line.enter(place('a', 10, 'x'));
    line.enter(place('a', 10, 'y'));
    expect(line.take('y')?.lane).toBe('y');
    expect(line.take('y')).toBeUndefined();
    expect(line.depthOf('a' as CameraId)).toBe(1);
  });

  it('gives a place back once, and only a place that is held', () => {
    const line = admission();
    const held = place('a');
    line.enter(held);
    line.leave(place('a'));
    expect(line.depth.frames).toBe(1);
    line.leave(held);
    line.leave(held);
    expect(line.depth).toEqual({ frames: 0, bytes: 0 });
  });
});
