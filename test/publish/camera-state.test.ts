import { describe, expect, it } from 'vitest';
import { CameraStates } from '../../src/publish/camera-state.ts';
import { recordedOf } from '../support/frames.ts';

let ledgerSeq = 0;
const result = (cameraId: string) => ({ ...recordedOf({ cameraId }), ledgerSeq: ++ledgerSeq });
const statesOf = (maxOthers: number, ...listed: string[]) =>
  new CameraStates(0, { listed: new Set(listed), maxOthers });

describe('the states of cameras', () => {
  it('do not grow with the ids that senders choose, and those of before are taken from the broker', () => {
    const states = statesOf(64, 'listed');
    states.note(result('listed'));
    const retained = new Set<string>();
    for (let n = 0; n < 2000; n++) {
      states.note(result(`scanner-${n}`));
      for (const { cameraId, payload } of states.takeDirty(true)) {
        if (payload === '') retained.delete(cameraId);
        else retained.add(cameraId);
      }
    }
    expect(retained.size).toBe(65);
    expect(retained).toContain('listed');
    expect(retained).toContain('scanner-1999');
    states.touchAll();
    expect(states.takeDirty(true)).toHaveLength(65);
  });

  it('are bounded where the broker takes none', () => {
    const states = statesOf(64);
    for (let n = 0; n < 1000; n++) states.note(result(`scanner-${n}`));
    expect(states.takeDirty(true)).toHaveLength(2 * 64);
  });

  it('make room by the camera that is silent longest, and know one that came back', () => {
    const states = statesOf(2);
    for (const camera of ['a', 'b', 'a', 'c', 'b']) states.note(result(camera));
    const told = states.takeDirty(true).map(({ cameraId, payload }) => [cameraId, payload === '']);
    expect(told).toEqual([
      ['a', true],
      ['c', false],
      ['b', false],
    ]);
    expect(states.hasDirty).toBe(false);
  });
});
