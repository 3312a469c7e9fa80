/**
 * Frames in the metrics: what came in, what became of it, how long it took.
 *
 * At every scrape: received = pass + fail + review + uninspected + duplicate + refused + in flight.
 */

import { type Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type RefusalCode, UNINSPECTED_REASONS, type UninspectedReason } from '../errors.ts';
import { type CameraId, type Frame, type Transport, TRANSPORTS } from '../frame/frame.ts';
import { isUnfamiliar } from '../frame/score.ts';
import type { Outcome, RecordedResult } from '../frame/verdict.ts';
import { countersOf } from './counted.ts';
import { modelLabel, type OutcomeLabel, outcomeLabel } from './outcome-label.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10];
const PROBABILITY = Array.from({ length: 20 }, (_, i) => (i + 1) / 20);
const BATCH = [1, 2, 4, 8, 16, 32, 64];
/** Outcomes that no model has to do with, and the others. */
const UNSCORED: readonly OutcomeLabel[] = ['uninspected', 'duplicate', 'refused'];
const SCORED: readonly OutcomeLabel[] = ['pass', 'fail', 'review'];
/** Cameras that have no label of their own. */
const OTHER = 'other';
/** What can become of a frame that leaves nothing in the ledger. */
const REFUSED_FRAMES: readonly RefusalCode[] = [
  'unknown_camera',
  'too_many_cameras',
  'rate_limited',
  'frame_id_conflict',
  'store_unavailable',
  'shutting_down',
  'internal',
];
/** What can be wrong with a request that names no frame yet, by its road. */
const OVER_GRPC: readonly RefusalCode[] = [
  'invalid_request',
  'message_too_large',
  'unauthenticated',
  'permission_denied',
  'shutting_down',
  'internal',
];
const REFUSED_REQUESTS: Readonly<Record<Transport, readonly RefusalCode[]>> = {
  grpc_unary: OVER_GRPC,
  grpc_stream: OVER_GRPC,
  mqtt: ['invalid_request', 'message_too_large', 'permission_denied'],
  http: ['invalid_request', 'message_too_large', 'unauthenticated', 'permission_denied'],
};

export class FrameMetrics {
  private readonly labelled: ReadonlySet<string>;
  private readonly received: Counter<'camera' | 'transport'>;
  private readonly frames: Counter<'camera' | 'model' | 'outcome'>;
  private readonly uninspected: Counter<'reason'>;
  private readonly unfamiliar: Counter<'camera'>;
  private readonly refusedFrames: Counter<'code'>;
  private readonly refusedRequests: Counter<'transport' | 'code'>;
  private readonly gaps: Counter<'camera'>;
  private readonly lastFrame: Gauge<'camera'>;
  private readonly stages: Histogram<'stage'>;
  private readonly durations: Histogram<'transport'>;
  private readonly probabilities: Histogram<'model'>;
  private readonly batches: Histogram<'model'>;

  /** @param labelled the cameras that have a label of their own */
  constructor(registry: Registry, labelled: readonly CameraId[]) {
    const counter = countersOf(registry);
    const registers = [registry];
    const cameras = [...labelled, OTHER];
    this.labelled = new Set(labelled);
    this.received = counter('inspection_frames_received_total', 'Frames that came in, by camera and road.', {
      camera: cameras,
      // A camera sends by one of them, and no alert waits for the first frame of another.
      transport: [],
    });
    this.frames = counter(
      'inspection_frames_total',
      'Frames by how they ended. model is empty where none scored the frame.',
      { camera: cameras, model: [''], outcome: UNSCORED },
    );
    this.uninspected = counter(
      'inspection_frames_uninspected_total',
      'Frames recorded as UNINSPECTED, by reason (docs/errors.md).',
      { reason: UNINSPECTED_REASONS },
    );
    this.unfamiliar = counter(
      'inspection_frames_unfamiliar_total',
      'Frames that show what their model has learned nothing of (FAIL, or REVIEW where the score alone would PASS).',
      { camera: cameras },
    );
    this.refusedFrames = counter(
      'inspection_frames_refused_total',
      'Frames that left nothing in the ledger, by code (docs/errors.md).',
      { code: REFUSED_FRAMES },
    );
    this.refusedRequests = counter(
      'inspection_requests_refused_total',
      'Requests refused before they named a frame, by code (docs/errors.md).',
      { transport: [], code: [] },
    );
    for (const transport of TRANSPORTS) {
      for (const code of REFUSED_REQUESTS[transport]) this.refusedRequests.inc({ transport, code }, 0);
    }
    this.gaps = counter(
      'inspection_sequence_gaps_total',
      'Frames missing in the sequence numbers that a camera sends.',
      { camera: cameras },
    );
    this.lastFrame = new Gauge({
      name: 'inspection_camera_last_frame_timestamp_seconds',
      help: 'When the last frame of a camera came in, seconds since 1970; before the first one, when the service was ready for it.',
      labelNames: ['camera'],
      registers,
    });
    this.stages = new Histogram({
      name: 'inspection_stage_duration_seconds',
      help: 'Time a frame spent in each stage.',
      labelNames: ['stage'],
      buckets: SECONDS,
      registers,
    });
    this.durations = new Histogram({
      name: 'inspection_duration_seconds',
      help: 'From receipt to the committed answer, by road; duplicates and refusals left out.',
      labelNames: ['transport'],
      buckets: SECONDS,
      registers,
    });
    this.probabilities = new Histogram({
      name: 'inspection_defect_probability',
      help: 'Defect probabilities given by a model.',
      labelNames: ['model'],
      buckets: PROBABILITY,
      registers,
    });
    this.batches = new Histogram({
      name: 'inspection_batch_size',
      help: 'Size of the batch a frame was scored in.',
      labelNames: ['model'],
      buckets: BATCH,
      registers,
    });
  }

  /** Verdicts of the models that decide now can come: they are there at 0. @param modelOf null: of cameras without a label */
  expectVerdicts(modelOf: (camera: CameraId | null) => string | null): void {
    for (const camera of [...this.labelled, OTHER]) {
      const model = modelOf(camera === OTHER ? null : (camera as CameraId));
      if (model !== null) for (const outcome of SCORED) this.frames.inc({ camera, model, outcome }, 0);
    }
  }

  frameReceived(frame: Frame): void {
    const camera = this.label(frame.cameraId);
    this.received.inc({ camera, transport: frame.transport });
    this.lastFrame.set({ camera }, frame.receivedAt / 1000);
  }

  frameFinished(
    frame: Frame,
    outcome: Outcome,
    batchSize: number | null,
    recordMs: number | null,
    tookMs: number,
  ): void {
    const camera = this.label(frame.cameraId);
    this.frames.inc({ camera, model: modelLabel(outcome), outcome: outcomeLabel(outcome) });
    if (outcome.kind === 'refused') return this.refusedFrames.inc({ code: outcome.code });
    if (outcome.duplicate) return;
    if (isUnfamiliar(outcome.result)) this.unfamiliar.inc({ camera });
    this.observeResult(outcome.result, batchSize);
    this.durations.observe({ transport: frame.transport }, tookMs / 1000);
    this.observeStage('record', recordMs);
  }

  /** Frames may come from now on: a camera that sends none after a restart has been silent since. @param at milliseconds since 1970 */
  opened(at: number): void {
    for (const camera of this.labelled) this.lastFrame.set({ camera }, at / 1000);
  }

  requestRefused(transport: Transport, code: RefusalCode): void {
    this.refusedRequests.inc({ transport, code });
  }

  sequenceGap(cameraId: CameraId, missing: number): void {
    this.gaps.inc({ camera: this.label(cameraId) }, missing);
  }

  private label(cameraId: string): string {
    return this.labelled.has(cameraId) ? cameraId : OTHER;
  }

  private observeResult(result: RecordedResult, batchSize: number | null): void {
    const { times, model } = result;
    this.observeStage('queue', times.queueMs);
    this.observeStage('decode', times.decodeMs);
    this.observeStage('infer', times.inferMs);
    if (result.reason !== null) this.uninspected.inc({ reason: result.reason satisfies UninspectedReason });
    if (model === null) return;
    if (result.defectProbability !== null) this.probabilities.observe({ model: model.name }, result.defectProbability);
    if (batchSize !== null) this.batches.observe({ model: model.name }, batchSize);
  }

  private observeStage(stage: 'queue' | 'decode' | 'infer' | 'record', ms: number | null): void {
    if (ms !== null) this.stages.observe({ stage }, ms / 1000);
  }
}
