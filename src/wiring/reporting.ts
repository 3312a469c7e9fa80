/** What the stages report, as log lines and counters. The stages themselves know neither. */

import type { CertificateEvent } from './certificates.ts';
import type { CutsEvent } from './cuts-control.ts';
import type { HttpFlood } from '../dashboard/server.ts';
import type { DriftEvent } from './drift-desk.ts';
import type { PoolEvent } from '../engine/pool.ts';
import type { ModelEvent } from './model-control.ts';
import type { Log } from '../observe/log.ts';
import { createThrottledLog } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { MqttEvent } from './mqtt-road.ts';
import type { ProvingEvent } from '../proving/desk.ts';
import type { PeopleAtWorkParts } from './people-at-work.ts';
import type { LedgerEvent } from '../record/contract.ts';
import type { TlsRefusal } from '../server-tls.ts';
import type { ShadowEvent } from '../shadow/shadow-desk.ts';
import type { GrpcEvent } from '../ingest/grpc/grpc-source.ts';

export class Reporting {
  private readonly log: Log;
  /** For what a fault can repeat without end. */
  private readonly throttled: Log;
  private readonly metrics: Metrics;

  constructor(log: Log, metrics: Metrics) {
    this.log = log;
    this.throttled = createThrottledLog(log, () => performance.now());
    this.metrics = metrics;
  }

  ledger(event: LedgerEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case 'unavailable':
        this.metrics.storeFailed();
        this.log.log('error', 'store_unavailable', fields);
        return;
      case 'committed':
        return;
      case 'images_removed':
        this.metrics.imageDeleted(event.reason, event.images);
        this.throttled.log('info', kind, fields);
        return;
      case 'outbox_dropped':
        this.metrics.outboxGivenUp('age', event.items);
        this.log.log('warn', kind, fields);
        return;
      case 'clock_jumped':
        this.log.log('warn', kind, fields);
        return;
      case 'orphans_left':
      case 'removal_failed':
      case 'thread_died':
        this.log.log('error', kind, fields);
        return;
      case 'opened':
      case 'available':
      case 'orphans_swept':
      case 'wal_truncated':
        this.log.log('info', `store_${kind}`, fields);
    }
  }

  engine(model: string, event: PoolEvent): void {
    switch (event.kind) {
      case 'engine_ready': {
        const { provider, goldenMaxError, goldenCount, variant, trials, loadMs, batchMs } = event.ready;
        this.log.log('info', event.kind, {
          model,
          enginePid: event.pid,
          provider,
          goldenMaxError,
          goldenCount,
          variant,
          trials,
          loadMs,
          batchMs,
        });
        return;
      }
      case 'engine_lost':
        // By its name alone, as every other metric of models.
        this.metrics.engineLost(model.split('/')[0] ?? model, event.retried);
        this.log.log('error', event.kind, { model, enginePid: event.pid, cause: event.cause, retried: event.retried });
        return;
      case 'engine_not_proven':
        this.throttled.log('error', event.kind, {
          model,
          provider: event.provider,
          stage: event.stage,
          detail: event.detail,
        });
        return;
      case 'golden_failed':
        this.log.log('error', event.kind, { model, enginePid: event.pid, detail: event.detail });
        return;
      case 'degraded':
        this.log.log('warn', 'provider_degraded', { model, detail: event.detail });
        return;
      case 'engine_stderr':
        this.throttled.log('warn', event.kind, { model, line: event.line });
    }
  }

  model(event: ModelEvent | CutsEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case 'model_activated':
        this.metrics.modelActivated('switched');
        this.log.log('info', kind, fields);
        return;
      case 'model_activation_refused':
        this.metrics.modelActivated('refused');
        this.log.log('warn', kind, fields);
        return;
      case 'cuts_changed':
        this.metrics.cutsChanged(event.change.recipe);
        this.log.log('info', kind, fields);
        return;
      case 'model_added':
      case 'model_removed':
        this.log.log('info', kind, fields);
    }
  }

  drift(event: DriftEvent): void {
    const { kind, ...fields } = event;
    this.log.log(kind === 'drift_baselines_changed' ? 'info' : 'warn', kind, fields);
  }

  proving(event: ProvingEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case 'heat_map':
        this.metrics.heatMap(event.outcome);
        if (event.outcome === 'failed') this.throttled.log('warn', 'heat_map_failed', fields);
        return;
      case 'heat_map_not_kept':
        this.throttled.log('warn', kind, fields);
        return;
      case 'replayed':
        this.metrics.replayed(event.outcome);
        if (event.outcome !== 'same' && event.outcome !== 'not_replayable') {
          this.log.log('warn', 'replay_not_the_same', fields);
        }
    }
  }

  shadow(event: ShadowEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case 'shadow_compared':
        this.metrics.shadowCompared(event.recipe, event.model, event.outcome);
        return;
      case 'shadow_started':
      case 'shadow_stopped':
        this.log.log('info', kind, fields);
        return;
      case 'shadow_refused':
        this.log.log('warn', kind, fields);
        return;
      case 'shadow_not_resumed':
        this.log.log('error', kind, fields);
        return;
      case 'shadow_not_kept':
        this.throttled.log('warn', kind, fields);
    }
  }

  grpc(event: GrpcEvent): void {
    const { kind, ...fields } = event;
    if (event.kind === 'grpc_flood_cut') {
      this.metrics.floodCut('grpc', event.flood);
      this.throttled.log('warn', kind, fields);
    } else if (event.kind === 'tls_refused') this.tlsRefused('grpc', event);
    else this.log.log(kind === 'grpc_call_failed' ? 'error' : 'info', kind, fields);
  }

  mqtt(event: MqttEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case 'broker_listening':
      case 'broker_stopped':
        this.log.log('info', kind, fields);
        return;
      case 'plant_connected':
      case 'sink_connected':
        // A broker that takes connections and ends them goes on with it for days.
        this.throttled.log('info', kind, fields);
        return;
      case 'plant_connection_idle':
      case 'results_given_up':
      case 'topic_left_out':
        this.log.log('warn', kind, fields);
        return;
      case 'broker_full':
        this.metrics.floodCut('mqtt', 'connections');
        this.throttled.log('warn', kind, fields);
        return;
      case 'tls_refused':
        this.tlsRefused('mqtt', event);
        return;
      case 'broker_login_refused':
      case 'broker_client_failed':
      case 'plant_disconnected':
      case 'sink_disconnected':
      case 'reply_refused':
      case 'publish_failed':
        this.throttled.log('warn', kind, fields);
    }
  }

  certificate(event: CertificateEvent): void {
    const { kind, ...fields } = event;
    if (kind === 'certificate_refused') this.metrics.certificateRefused(event.door);
    this.log.log(
      kind === 'certificate_reloaded' ? 'info' : kind === 'certificate_refused' ? 'error' : 'warn',
      kind,
      fields,
    );
  }

  people(event: Parameters<PeopleAtWorkParts['onEvent']>[0]): void {
    switch (event.kind) {
      case 'first_run':
        // At `info`, which no page shows: whoever reads it can make the first admin.
        this.log.log('info', event.kind, { setupCode: event.setupCode });
        return;
      case 'sign_in':
        this.metrics.signIn(event.result);
        return;
      case 'people_unknown':
        this.throttled.log('warn', event.kind, { detail: event.detail });
        return;
      case 'audit_not_written':
        this.metrics.auditLost();
        this.log.log('error', event.kind, { ...event.entry });
    }
  }

  frameFailed(cameraId: string, frameId: string, error: unknown): void {
    this.throttled.log('error', 'frame_failed', { cameraId, frameId, error });
  }

  sequenceGap(cameraId: string, missing: number, sequence: bigint): void {
    this.throttled.log('warn', 'sequence_gap', { cameraId, missing, before: String(sequence) });
  }

  tlsRefused(door: 'grpc' | 'http' | 'mqtt', { address, detail }: TlsRefusal): void {
    this.throttled.log('warn', 'tls_refused', { door, address, detail });
  }

  httpFlood(flood: HttpFlood): void {
    this.metrics.floodCut('http', flood.flood);
    this.throttled.log('warn', 'http_flood_cut', { ...flood });
  }

  httpFailed(error: unknown): void {
    this.throttled.log('error', 'http_request_failed', { error });
  }
}
