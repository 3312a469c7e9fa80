/**
 * What Prometheus scrapes. Own registry, base units, labels from closed sets only: configured cameras (the first 48 by name,
 * all others as `other`), models, words of this code. A frame id, a part id or an unknown camera is never a label.
 */

import { type Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { countersOf } from './counted.ts';
import { FrameMetrics } from './frame-metrics.ts';
import { addScrapedGauges, type MetricsOptions, type MetricsSources } from './scraped-gauges.ts';

/** Of prom-client's own: gauges whose names end like counters, which Prometheus' linter refuses, and a series for each space of the heap. */
const UNWANTED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_heap_space_size_available_bytes',
];
const MAX_CAMERA_LABELS = 48;

const FLOODS = [
  ['grpc', 'connections'],
  ['grpc', 'resets'],
  ['grpc', 'uploads'],
  ['http', 'connections'],
  ['http', 'pipelining'],
  ['mqtt', 'connections'],
] as const;
type FloodLabels = (typeof FLOODS)[number];

const REMOVALS = ['age', 'bytes', 'disk_pressure'] as const;
const DOORS = ['grpc', 'http', 'mqtt', 'broker'] as const;
const ACTIVATIONS = ['switched', 'refused'] as const;
const SIGN_INS = ['done', 'refused', 'limited'] as const;
/** `skipped`: nobody asked for it, and the budget or the line was full. */
const HEAT_MAPS = ['made', 'skipped', 'failed'] as const;
const REPLAYS = ['same', 'different', 'damaged', 'not_replayable', 'failed'] as const;
const SHADOWED = ['agreed', 'disagreed', 'skipped', 'failed', 'unkept'] as const;
export type HeatMapOutcome = (typeof HEAT_MAPS)[number];
export type ReplayOutcome = (typeof REPLAYS)[number];

export class Metrics {
  readonly contentType: string;
  readonly frames: FrameMetrics;
  private readonly registry = new Registry();
  private readonly sources: MetricsSources;
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

  constructor(options: MetricsOptions, sources: MetricsSources) {
    const labelled = options.cameras.slice(0, MAX_CAMERA_LABELS);
    const counter = countersOf(this.registry);
    this.sources = sources;
    this.contentType = this.registry.contentType;
    collectDefaultMetrics({ register: this.registry });
    for (const name of UNWANTED) this.registry.removeSingleMetric(name);
    this.frames = new FrameMetrics(this.registry, labelled);
    this.restarts = counter('inspection_engine_losses_total', 'Engine processes that ended without being asked to.', {
      model: [],
    });
    this.retried = counter(
      'inspection_engine_retried_frames_total',
      'Frames given to another engine after theirs was lost.',
      { model: [] },
    );
    this.storeErrors = counter('inspection_store_write_errors_total', 'Times the store could not be written.');
    this.imagesDeleted = counter('inspection_images_deleted_total', 'Images deleted by retention, by cause.', {
      reason: REMOVALS,
    });
    this.published = counter('inspection_results_published_total', 'Results a broker has acknowledged.');
    this.outboxDropped = counter('inspection_outbox_dropped_total', 'Results given up undelivered.', {
      reason: ['age'],
    });
    this.retainedIgnored = counter(
      'inspection_mqtt_retained_ignored_total',
      'Retained messages on frame topics, which are never inspected.',
    );
    this.activations = counter(
      'inspection_model_activations_total',
      'Activations and rollbacks of models: switched, or refused while the old model served on.',
      { result: ACTIVATIONS },
    );
    this.cutChanges = counter(
      'inspection_cut_changes_total',
      'Changes of the cuts of a recipe while the service ran, taken back ones included.',
      { recipe: options.recipes },
    );
    this.shadows = counter(
      'inspection_shadow_frames_total',
      'Frames by how a candidate compares with the model that decides (unkept: disagreed, and no picture could be kept).',
      { recipe: [], model: [], outcome: SHADOWED },
    );
    this.certificatesRefused = counter(
      'inspection_certificate_reload_failures_total',
      'New certificate files that could not be used; the old ones stay at work.',
      { door: DOORS },
    );
    this.floodsCut = counter(
      'inspection_floods_cut_total',
      'Connections and calls that were ended because there were too many of their kind.',
      { door: [], flood: [] },
    );
    for (const [door, flood] of FLOODS) this.floodsCut.inc({ door, flood }, 0);
    this.heatMaps = counter('inspection_heat_maps_total', 'Heat maps made, skipped beyond the budget, and failed.', {
      outcome: HEAT_MAPS,
    });
    this.replays = counter('inspection_replays_total', 'Results decided again on request, by what came of it.', {
      outcome: REPLAYS,
    });
    this.signIns = counter(
      'inspection_sign_ins_total',
      'People who signed in, were refused, or had to wait after too many wrong attempts.',
      { result: SIGN_INS },
    );
    this.auditLinesLost = counter(
      'inspection_audit_lines_lost_total',
      'Acts whose line in the audit log could not be written; the log has them.',
    );
    addScrapedGauges(this.registry, labelled, options, sources);
  }

  /** The text format, complete. */
  render(): Promise<string> {
    for (const { model } of this.sources.models()) {
      this.restarts.inc({ model }, 0);
      this.retried.inc({ model }, 0);
    }
    for (const shadow of this.sources.shadows()) {
      for (const outcome of SHADOWED) this.shadows.inc({ ...shadow, outcome }, 0);
    }
    this.frames.expectVerdicts(this.sources.modelOf);
    return this.registry.metrics();
  }

  engineLost(model: string, retried: number): void {
    this.restarts.inc({ model });
    this.retried.inc({ model }, retried);
  }

  storeFailed(): void {
    this.storeErrors.inc();
  }

  imageDeleted(reason: (typeof REMOVALS)[number], count = 1): void {
    this.imagesDeleted.inc({ reason }, count);
  }

  resultsPublished(count: number): void {
    this.published.inc(count);
  }

  outboxGivenUp(reason: 'age', count: number): void {
    this.outboxDropped.inc({ reason }, count);
  }

  certificateRefused(door: (typeof DOORS)[number]): void {
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

  modelActivated(result: (typeof ACTIVATIONS)[number]): void {
    this.activations.inc({ result });
  }

  cutsChanged(recipe: string): void {
    this.cutChanges.inc({ recipe });
  }

  shadowCompared(recipe: string, model: string, outcome: (typeof SHADOWED)[number]): void {
    this.shadows.inc({ recipe, model, outcome });
  }

  signIn(result: (typeof SIGN_INS)[number]): void {
    this.signIns.inc({ result });
  }

  auditLost(): void {
    this.auditLinesLost.inc();
  }
}
