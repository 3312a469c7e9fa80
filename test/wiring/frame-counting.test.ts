import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/frame/frame.ts';
import { frameIdOfContent } from '../../src/frame/identifiers.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { Reporting } from '../../src/wiring/reporting.ts';
import { frameCounting } from '../../src/wiring/frame-counting.ts';
import { frameOf, recordedOf } from '../support/frames.ts';

function counting() {
  const limits = { version: '0', site: '', cameras: [], recipes: [], queueLimit: { frames: 1, bytes: 1 } };
  const metrics = new Metrics(limits, {} as ConstructorParameters<typeof Metrics>[1]);
  const recorded: string[] = [];
  const seenAgain: string[] = [];
  const observer = frameCounting(metrics.frames, new Reporting({ log: () => undefined }, metrics), new Map(), {
    recorded: (_frame, { frameId }) => recorded.push(frameId),
    seenAgain: ({ frameId }) => seenAgain.push(frameId),
  });
  const finish = (frame: Frame, duplicate: boolean) =>
    observer.finished(
      frame,
      { kind: 'answered', result: recordedOf({ frameId: frame.frameId }), duplicate },
      { batchSize: null, recordMs: null, look: null },
    );
  return { recorded, seenAgain, finish };
}

describe('frames that are counted', () => {
  it('are told of once where they are new, and again where nothing but the picture names them', () => {
    const { recorded, seenAgain, finish } = counting();
    const named = frameOf();
    const bare = { ...named, frameId: frameIdOfContent(named.imageSha256) };
    for (const frame of [named, bare]) finish(frame, false);
    for (const frame of [named, bare, bare]) finish(frame, true);
    expect(recorded).toEqual([named.frameId, bare.frameId]);
    // The one with an id is a frame sent again; a camera that froze looks like the other.
    expect(seenAgain).toEqual([bare.frameId, bare.frameId]);
  });
});
