/** Every frame in the metrics and, where something is amiss, in the log. */

import type { CameraId, Frame } from '../frame/frame.ts';
import type { ImageLook } from '../frame/image-look.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { CameraSettings } from '../ingest/cameras.ts';
import { SequenceGaps } from '../ingest/sequence-gaps.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PipelineObserver } from '../pipeline.ts';
import type { Reporting } from './reporting.ts';

/**
 * Counts every frame and what became of it, and notices the ones that never came.
 * @param onRecorded called once for each result that is new; must return at once
 */
export function frameCounting(
  metrics: Metrics,
  reporting: Reporting,
  listed: ReadonlyMap<CameraId, CameraSettings>,
  onRecorded: (frame: Frame, result: RecordedResult, look: ImageLook | null) => void,
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
      if (outcome.kind === 'answered' && !outcome.duplicate) onRecorded(frame, outcome.result, look);
    },
    failed: (frame, error) => reporting.frameFailed(frame.cameraId, frame.frameId, error),
  };
}
