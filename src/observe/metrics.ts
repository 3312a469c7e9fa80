/**
 * What Prometheus scrapes. Own registry, base units, labels from closed sets only: configured cameras (the first 48 by name,
 * all others as `other`), models, words of this code. A frame id, a part id or an unknown camera is never a label.
 *
 * At every scrape: received = pass + fail + review + uninspected + duplicate + refused + in flight.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type RefusalCode, UNINSPECTED_REASONS, type UninspectedReason } from '../errors.ts';
import type { CameraId, Frame, Transport } from '../frame/frame.ts';
import type { Outcome, RecordedResult } from '../frame/verdict.ts';
import { modelLabel, type OutcomeLabel, outcomeLabel } from './outcome-label.ts';
import { addScrapedGauges, type MetricsOptions, type MetricsSources } from './scraped-gauges.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10];
const PROBABILITY = Array.from({ length: 20 }, (_, i) => (i + 1) / 20);
const BATCH = [1, 2, 4, 8, 16, 32, 64];
/** Outcomes that no model has to do with. */
const UNSCORED: readonly OutcomeLabel[] = ['uninspected', 'duplicate', 'refused'];
/** Of prom-client's own: gauges whose names end like counters, which Prometheus' linter refuses, and a series for each space of the heap. */
const UNWANTED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_heap_space_size_available_bytes',
];
const MAX_CAMERA_LABELS = 48;
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

const FLOODS = [
  ['grpc', 'connections'],
  ['grpc', 'resets'],
  ['grpc', 'uploads'],
  ['http', 'connections'],
  ['http', 'pipelining'],
  ['mqtt', 'connections'],
] as const;
type FloodLabels = (typeof FLOODS)[number];

/** `skipped`: nobody asked for it, and the budget or the line was full. */
export type HeatMapOutcome = 'made' | 'skipped' | 'failed';
export type ReplayOutcome = 'same' | 'different' | 'damaged' | 'not_replayable' | 'failed';

export class Metrics {
  readonly contentType: string;
  private readonly registry = new Registry();
  private readonly labelled: ReadonlySet<string>;
  private readonly received: Counter<'camera' | 'transport'>;
  private readonly frames: Counter<'camera' | 'model' | 'outcome'>;
  private readonly uninspected: Counter<'reason'>;
  private readonly refusedFrames: Counter<'code'>;
  private readonly refusedRequests: Counter<'transport' | 'code'>;
  private readonly gaps: Counter<'camera'>;
  private readonly lastFrame: Gauge<'camera'>;
  private readonly stages: Histogram<'stage'>;
  private readonly durations: Histogram<'transport'>;
  private readonly probabilities: Histogram<'model'>;
  private readonly batches: Histogram<'model'>;
  private readonly restarts: Counter<'model'>;
  private readonly retried: Counter<'model'>;
  private readonly storeErrors: Counter;
  private readonly imagesDeleted: Counter<'reason'>;
  private readonly published: Counter;
  private readonly outboxDropped: Counter<'reason'>;
  private readonly retainedIgnored: Counter;
  private readonly activations: Counter<'result'>;
  private readonly cutChanges: Counter<'recipe'>;
  private readonly heatMaps: Counter<'outcome'>;
  private readonly replays: Counter<'outcome'>;
  private readonly shadows: Counter<'recipe' | 'model' | 'outcome'>;
  private readonly certificatesRefused: Counter<'door'>;
  private readonly floodsCut: Counter<'door' | 'flood'>;
  private readonly signIns: Counter<'result'>;
  private readonly auditLinesLost: Counter;
  private readonly models: () => readonly { readonly model: string }[];

  constructor(options: MetricsOptions, sources: MetricsSources) {
    const registers = [this.registry];
    this.contentType = this.registry.contentType;
    this.labelled = new Set(options.cameras.slice(0, MAX_CAMERA_LABELS));
    collectDefaultMetrics({ register: this.registry });
    for (const name of UNWANTED) this.registry.removeSingleMetric(name);
    this.received = new Counter({
      name: 'inspection_frames_received_total',
      help: 'Frames that came in, by camera and road.',
      labelNames: ['camera', 'transport'],
      registers,
    });
    this.frames = new Counter({
      name: 'inspection_frames_total',
      help: 'Frames by how they ended. model is empty where none scored the frame.',
      labelNames: ['camera', 'model', 'outcome'],
      registers,
    });
    this.uninspected = new Counter({
      name: 'inspection_frames_uninspected_total',
      help: 'Frames recorded as UNINSPECTED, by reason (docs/errors.md).',
      labelNames: ['reason'],
      registers,
    });
    this.refusedFrames = new Counter({
      name: 'inspection_frames_refused_total',
      help: 'Frames that left nothing in the ledger, by code (docs/errors.md).',
      labelNames: ['code'],
      registers,
    });
    this.refusedRequests = new Counter({
      name: 'inspection_requests_refused_total',
      help: 'Requests refused before they named a frame, by code (docs/errors.md).',
      labelNames: ['transport', 'code'],
      registers,
    });
    this.gaps = new Counter({
      name: 'inspection_sequence_gaps_total',
      help: 'Frames missing in the sequence numbers that a camera sends.',
      labelNames: ['camera'],
      registers,
    });
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
    this.restarts = new Counter({
      name: 'inspection_engine_losses_total',
      help: 'Engine processes that ended without being asked to.',
      labelNames: ['model'],
      registers,
    });
    this.retried = new Counter({
      name: 'inspection_engine_retried_frames_total',
      help: 'Frames given to another engine after theirs was lost.',
      labelNames: ['model'],
      registers,
    });
    this.storeErrors = new Counter({
      name: 'inspection_store_write_errors_total',
      help: 'Times the store could not be written.',
      registers,
    });
    this.imagesDeleted = new Counter({
      name: 'inspection_images_deleted_total',
      help: 'Images deleted by retention, by cause.',
      labelNames: ['reason'],
      registers,
    });
    this.published = new Counter({
      name: 'inspection_results_published_total',
      help: 'Results a broker has acknowledged.',
      registers,
    });
    this.outboxDropped = new Counter({
      name: 'inspection_outbox_dropped_total',
      help: 'Results given up undelivered.',
      labelNames: ['reason'],
      registers,
    });
    this.retainedIgnored = new Counter({
      name: 'inspection_mqtt_retained_ignored_total',
      help: 'Retained messages on frame topics, which are never inspected.',
      registers,
    });
    this.activations = new Counter({
      name: 'inspection_model_activations_total',
      help: 'Activations and rollbacks of models: switched, or refused while the old model served on.',
      labelNames: ['result'],
      registers,
    });
    for (const result of ['switched', 'refused']) this.activations.inc({ result }, 0);
    this.cutChanges = new Counter({
      name: 'inspection_cut_changes_total',
      help: 'Changes of the cuts of a recipe while the service ran, taken back ones included.',
      labelNames: ['recipe'],
      registers,
    });
    this.shadows = new Counter({
      name: 'inspection_shadow_frames_total',
      help: 'Frames by how a candidate compares with the model that decides (unkept: disagreed, and no picture could be kept).',
      labelNames: ['recipe', 'model', 'outcome'],
      registers,
    });
    for (const recipe of options.recipes) this.cutChanges.inc({ recipe }, 0);
    this.certificatesRefused = new Counter({
      name: 'inspection_certificate_reload_failures_total',
      help: 'New certificate files that could not be used; the old ones stay at work.',
      labelNames: ['door'],
      registers,
    });
    this.floodsCut = new Counter({
      name: 'inspection_floods_cut_total',
      help: 'Connections and calls that were ended because there were too many of their kind.',
      labelNames: ['door', 'flood'],
      registers,
    });
    for (const [door, flood] of FLOODS) this.floodsCut.inc({ door, flood }, 0);
    this.heatMaps = new Counter({
      name: 'inspection_heat_maps_total',
      help: 'Heat maps made, skipped beyond the budget, and failed.',
      labelNames: ['outcome'],
      registers,
    });
    this.replays = new Counter({
      name: 'inspection_replays_total',
      help: 'Results decided again on request, by what came of it.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['made', 'skipped', 'failed']) this.heatMaps.inc({ outcome }, 0);
    for (const outcome of ['same', 'different', 'damaged', 'not_replayable', 'failed'])
      this.replays.inc({ outcome }, 0);
    this.signIns = new Counter({
      name: 'inspection_sign_ins_total',
      help: 'People who signed in, were refused, or had to wait after too many wrong attempts.',
      labelNames: ['result'],
      registers,
    });
    for (const result of ['done', 'refused', 'limited']) this.signIns.inc({ result }, 0);
    this.auditLinesLost = new Counter({
      name: 'inspection_audit_lines_lost_total',
      help: 'Acts whose line in the audit log could not be written; the log has them.',
      registers,
    });
    addScrapedGauges(this.registry, [...this.labelled] as CameraId[], options, sources);
    // A counter that appears with its first event has not risen in the eyes of Prometheus: that event would alert nobody.
    for (const camera of [...this.labelled, 'other']) this.startAtZero(camera);
    for (const reason of UNINSPECTED_REASONS) this.uninspected.inc({ reason }, 0);
    for (const code of REFUSED_FRAMES) this.refusedFrames.inc({ code }, 0);
    this.outboxDropped.inc({ reason: 'age' }, 0);
    this.models = () => sources.models();
  }

  /** The text format, complete. */
  render(): Promise<string> {
    for (const { model } of this.models()) {
      this.restarts.inc({ model }, 0);
      this.retried.inc({ model }, 0);
    }
    return this.registry.metrics();
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

  engineLost(model: string, retried: number): void {
    this.restarts.inc({ model });
    this.retried.inc({ model }, retried);
  }

  storeFailed(): void {
    this.storeErrors.inc();
  }

  imageDeleted(reason: string, count = 1): void {
    this.imagesDeleted.inc({ reason }, count);
  }

  resultsPublished(count: number): void {
    this.published.inc(count);
  }

  outboxGivenUp(reason: string, count: number): void {
    this.outboxDropped.inc({ reason }, count);
  }

  certificateRefused(door: string): void {
    this.certificatesRefused.inc({ door });
  }

  floodCut(door: FloodLabels[0], flood: FloodLabels[1]): void {
    this.floodsCut.inc({ door, flood });
  }

  heatMap(outcome: HeatMapOutcome): void {
    this.heatMaps.inc({ outcome });
  }

  replayed(outcome: ReplayOutcome): void {
    this.replays.inc({ outcome });
  }

  retainedFrameIgnored(): void {
    this.retainedIgnored.inc();
  }

  modelActivated(result: 'switched' | 'refused'): void {
    this.activations.inc({ result });
  }

  cutsChanged(recipe: string): void {
    this.cutChanges.inc({ recipe });
  }

  shadowCompared(recipe: string, model: string, outcome: string): void {
    this.shadows.inc({ recipe, model, outcome });
  }

  signIn(result: 'done' | 'refused' | 'limited'): void {
    this.signIns.inc({ result });
  }

  auditLost(): void {
    this.auditLinesLost.inc();
  }

  private label(cameraId: string): string {
    return this.labelled.has(cameraId) ? cameraId : 'other';
  }

  private startAtZero(camera: string): void {
    for (const outcome of UNSCORED) this.frames.inc({ camera, model: '', outcome }, 0);
    this.gaps.inc({ camera }, 0);
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
