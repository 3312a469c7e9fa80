/** Every frame in the metrics and, where something is amiss, in the log. */

import type { CameraId, Frame } from '../frame/frame.ts';
import type { ImageLook } from '../frame/image-look.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { CameraSettings } from '../ingest/cameras.ts';
import { isNamedByPicture } from '../ingest/intake.ts';
import { SequenceGaps } from '../ingest/sequence-gaps.ts';
import type { FrameMetrics } from '../observe/frame-metrics.ts';
import type { PipelineObserver } from '../pipeline.ts';
import type { Reporting } from './reporting.ts';

/** Who wants to know. Both must return at once. */
export interface FrameListeners {
  /** Once for each result that is new. */
  recorded(frame: Frame, result: RecordedResult, look: ImageLook | null): void;
  /** A picture that names its frame, and came again: the frame, or the picture of a camera that froze. */
  seenAgain(frame: Frame, result: RecordedResult): void;
}

/** Counts every frame and what became of it, and notices the ones that never came. */
export function frameCounting(
  metrics: FrameMetrics,
  reporting: Reporting,
  listed: ReadonlyMap<CameraId, CameraSettings>,
  listeners: FrameListeners,
): PipelineObserver {
  const gaps = new SequenceGaps();
  return {
    received: (frame: Frame) => {
      metrics.frameReceived(frame);
      if (frame.sequence === null || listed.get(frame.cameraId)?.countsGaps === false) return;
      const missing = gaps.note(frame.cameraId, frame.sequence);
      if (missing === 0) return;
      metrics.sequenceGap(frame.cameraId, missing);
      reporting.sequenceGap(frame.cameraId, missing, frame.sequence);
    },
    finished: (frame, outcome, notes) => {
      const { batchSize, recordMs, look } = notes;
      metrics.frameFinished(frame, outcome, batchSize, recordMs, performance.now() - frame.receivedAtMono);
      if (outcome.kind !== 'answered') return;
      if (!outcome.duplicate) listeners.recorded(frame, outcome.result, look);
      else if (isNamedByPicture(frame)) listeners.seenAgain(frame, outcome.result);
    },
    failed: (frame, error) => reporting.frameFailed(frame.cameraId, frame.frameId, error),
  };
}
