/** Gauges that are read from their source at each scrape, so that they are never stale and never counted twice. */

import { Gauge, type Registry } from 'prom-client';
import type { CameraId } from '../frame/frame.ts';

export interface GoldenState {
  readonly checkedAt: number;
  readonly isOk: boolean;
  readonly maxError: number | null;
  readonly scores: readonly number[];
  readonly detail: string | null;
}

export interface ModelState {
  readonly model: string;
  readonly version: string;
  readonly sha256: string;
  readonly provider: string | null;
  /** Null: model.onnx itself, or none at work. */
  readonly variant: string | null;
  readonly isDegraded: boolean;
  readonly enginesReady: number;
  /** Null before the first check; `checkedAt` in milliseconds since 1970. */
  readonly golden: GoldenState | null;
}

const DRIFT_KINDS = ['brightness', 'contrast', 'focus', 'frozen', 'scores', 'rejects'];
/** Camera and kind; more at once is no news of one camera, and the count above tells of it. */
const MAX_DRIFTING = 20;

/** Read at scrape time. */
export interface MetricsSources {
  framesInFlight(): number;
  queue(): { readonly frames: number; readonly bytes: number };
  queueOf(cameraId: CameraId): number;
  /** Milliseconds; null where the line sets none. */
  taktOf(cameraId: CameraId): number | null;
  models(): readonly ModelState[];
  /** Name of the model that decides for a camera, or for those that are not listed (null); null where none does. */
  modelOf(this: void, cameraId: CameraId | null): string | null;
  /** Candidates beside a recipe; `model` with its version. */
  shadows(): readonly { readonly recipe: string; readonly model: string }[];
  /** Configured recipes with the cuts that judge now. */
  recipes(): readonly { readonly recipe: string; readonly passBelow: number; readonly failAbove: number }[];
  store(): {
    readonly isWritable: boolean;
    readonly pending: number;
    readonly lastLedgerSeq: number;
    readonly bytes: { readonly db: number; readonly wal: number; readonly images: number };
    readonly diskFreeBytes: number;
  };
  /** Null where nothing is published. */
  outbox(): { readonly items: number; readonly oldestSeconds: number } | null;
  /** Null where there is no MQTT at all. */
  mqttConnected(): boolean | null;
  isReady(): boolean;
  /** Every camera and what it does otherwise than in its baseline. */
  drifting(): readonly { readonly cameraId: string; readonly kind: string }[];
  /** People who are signed in. */
  sessions(): number;
  /** `expiresAt`: milliseconds since 1970. */
  certificates(): readonly { readonly door: string; readonly expiresAt: number }[];
}

export interface MetricsOptions {
  readonly version: string;
  readonly site: string;
  readonly cameras: readonly CameraId[];
  readonly recipes: readonly string[];
  readonly queueLimit: { readonly frames: number; readonly bytes: number };
}

/** @param labelled the cameras that have a label of their own; all others are `other` */
export function addScrapedGauges(
  registry: Registry,
  labelled: readonly CameraId[],
  options: MetricsOptions,
  sources: MetricsSources,
): void {
  const gauge: AddGauge = (name, help, labelNames, collect) => {
    // prom-client keeps what is registered; nobody else needs the object.
    void new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        collect(this);
      },
    });
  };
  gauge('inspection_build_info', 'Version and site, always 1.', ['version', 'site'], (g) =>
    g.set({ version: options.version, site: options.site }, 1),
  );
  gauge('inspection_sessions', 'Sessions of people who are signed in.', [], (g) => g.set(sources.sessions()));
  gauge('inspection_cameras_drifting', 'Cameras that do otherwise than in their baseline.', ['kind'], (g) => {
    const counts = new Map(DRIFT_KINDS.map((kind) => [kind, 0]));
    for (const { kind } of sources.drifting()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    for (const [kind, count] of counts) g.set({ kind }, count);
  });
  gauge(
    'inspection_camera_drifting',
    'A camera that does otherwise than in its baseline; 1.',
    ['camera', 'kind'],
    (g) => {
      const ours = sources.drifting().filter(({ cameraId }) => labelled.includes(cameraId as CameraId));
      for (const { cameraId: camera, kind } of ours.slice(0, MAX_DRIFTING)) g.set({ camera, kind }, 1);
    },
  );
  gauge('inspection_ready', '1 while /readyz answers 200.', [], (g) => g.set(sources.isReady() ? 1 : 0));
  gauge(
    'inspection_certificate_expiry_timestamp_seconds',
    'When the certificate of a door expires, seconds since 1970.',
    ['door'],
    (g) => sources.certificates().forEach(({ door, expiresAt }) => g.set({ door }, expiresAt / 1000)),
  );
  gauge('inspection_camera_takt_seconds', 'Time within which a frame of a camera is answered.', ['camera'], (g) => {
    for (const camera of labelled) {
      const taktMs = sources.taktOf(camera);
      if (taktMs !== null) g.set({ camera }, taktMs / 1000);
    }
  });
  addQueue(gauge, labelled, options, sources);
  addModels(gauge, sources);
  addCuts(gauge, sources);
  addStore(gauge, sources);
  addOutbox(gauge, sources);
}

type AddGauge = <L extends string>(
  name: string,
  help: string,
  labelNames: L[],
  collect: (gauge: Gauge<L>) => void,
) => void;

function addQueue(
  gauge: AddGauge,
  labelled: readonly CameraId[],
  options: MetricsOptions,
  sources: MetricsSources,
): void {
  gauge('inspection_frames_in_flight', 'Frames received and not yet answered.', [], (g) =>
    g.set(sources.framesInFlight()),
  );
  gauge('inspection_queue_depth', 'Frames of a camera that wait for an engine.', ['camera'], (g) => {
    let listed = 0;
    for (const camera of labelled) {
      const depth = sources.queueOf(camera);
      listed += depth;
      g.set({ camera }, depth);
    }
    g.set({ camera: 'other' }, Math.max(0, sources.queue().frames - listed));
  });
  gauge('inspection_queue_bytes', 'Bytes of frames that wait for an engine.', [], (g) => g.set(sources.queue().bytes));
  gauge('inspection_queue_limit', 'Frames that may wait, over all cameras.', [], (g) =>
    g.set(options.queueLimit.frames),
  );
}

function addModels(gauge: AddGauge, sources: MetricsSources): void {
  const each = (set: (state: ModelState) => void) => sources.models().forEach(set);
  gauge(
    'inspection_model_info',
    'Models that serve, always 1. provider is empty while no engine is at work; variant is empty for model.onnx itself.',
    ['model', 'version', 'sha256', 'provider', 'variant'],
    (g) =>
      each(({ model, version, sha256, provider, variant }) =>
        g.set({ model, version, sha256, provider: provider ?? '', variant: variant ?? '' }, 1),
      ),
  );
  // With its version: a canary has two of one model at work, and the one that is well must not speak for the other.
  gauge('inspection_engines_ready', 'Engine processes at work.', ['model', 'version'], (g) =>
    each(({ model, version, enginesReady }) => g.set({ model, version }, enginesReady)),
  );
  gauge(
    'inspection_execution_provider_degraded',
    '1 while a model runs on another provider than wanted (a GPU that fell back to the CPU).',
    ['model', 'version'],
    (g) => each(({ model, version, isDegraded }) => g.set({ model, version }, isDegraded ? 1 : 0)),
  );
  gauge(
    'inspection_golden_check_max_abs_error',
    'Largest difference from a recorded golden probability at the last check.',
    ['model', 'version'],
    (g) =>
      each(({ model, version, golden }) => {
        if (golden !== null && golden.maxError !== null) g.set({ model, version }, golden.maxError);
      }),
  );
  gauge(
    'inspection_golden_check_success',
    '1 where every golden image scored what it must at the last check, at the start of an engine or on the timer.',
    ['model', 'version'],
    (g) =>
      each(({ model, version, golden }) => {
        if (golden !== null) g.set({ model, version }, golden.isOk ? 1 : 0);
      }),
  );
  gauge('inspection_golden_check_timestamp_seconds', 'When it was, seconds since 1970.', ['model', 'version'], (g) =>
    each(({ model, version, golden }) => {
      if (golden !== null) g.set({ model, version }, golden.checkedAt / 1000);
    }),
  );
}

function addCuts(gauge: AddGauge, sources: MetricsSources): void {
  gauge(
    'inspection_recipe_cut',
    'The two cuts of a recipe: below pass_below PASS, from fail_above on FAIL.',
    ['recipe', 'cut'],
    (g) => {
      for (const { recipe, passBelow, failAbove } of sources.recipes()) {
        g.set({ recipe, cut: 'pass_below' }, passBelow);
        g.set({ recipe, cut: 'fail_above' }, failAbove);
      }
    },
  );
}

function addStore(gauge: AddGauge, sources: MetricsSources): void {
  gauge('inspection_store_writable', '1 while the store takes rows.', [], (g) =>
    g.set(sources.store().isWritable ? 1 : 0),
  );
  gauge('inspection_store_pending', 'Frames decided and not yet committed.', [], (g) => g.set(sources.store().pending));
  gauge('inspection_ledger_rows', 'Rows in the ledger.', [], (g) => g.set(sources.store().lastLedgerSeq));
  gauge('inspection_store_bytes', 'Bytes on disk.', ['kind'], (g) => {
    for (const [kind, bytes] of Object.entries(sources.store().bytes)) g.set({ kind }, bytes);
  });
  gauge('inspection_disk_free_bytes', 'Bytes free on the disk of the store.', [], (g) =>
    g.set(sources.store().diskFreeBytes),
  );
}

function addOutbox(gauge: AddGauge, sources: MetricsSources): void {
  gauge('inspection_outbox_depth', 'Results that wait for a broker.', [], (g) => {
    const outbox = sources.outbox();
    if (outbox !== null) g.set(outbox.items);
  });
  gauge('inspection_outbox_oldest_seconds', 'Age of the oldest result that waits for a broker.', [], (g) => {
    const outbox = sources.outbox();
    if (outbox !== null) g.set(outbox.oldestSeconds);
  });
  gauge('inspection_mqtt_connected', '1 while the broker is reached.', [], (g) => {
    const isConnected = sources.mqttConnected();
    if (isConnected !== null) g.set(isConnected ? 1 : 0);
  });
}
