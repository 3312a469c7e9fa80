/** The service, as its metrics read it at each scrape. */

import type { Certificates } from './certificates.ts';
import type { Config } from '../config/schema.ts';
import type { DriftDesk } from './drift-desk.ts';
import type { CameraId } from '../frame/frame.ts';
import type { Admission } from '../ingest/admission.ts';
import type { CameraSettings } from '../ingest/cameras.ts';
import type { ModelsAtWork } from './models-at-work.ts';
import type { MqttRoad } from './mqtt-road.ts';
import { Metrics } from '../observe/metrics.ts';
import type { People } from '../people/people.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Ledger } from '../record/ledger.ts';
import { outboxDepth } from './service-status.ts';
import type { ShadowDesk } from '../shadow/shadow-desk.ts';
import { VERSION } from '../version.ts';
import type { WaitingFrame } from '../waiting-frame.ts';

export interface Measured {
  readonly pipeline: Pipeline;
  readonly admission: Admission<WaitingFrame>;
  readonly certificates: Certificates;
  readonly models: ModelsAtWork;
  readonly ledger: Ledger;
  readonly mqtt: MqttRoad | null;
  readonly drift: DriftDesk;
  readonly people: People;
  readonly shadows: ShadowDesk;
  readonly isReady: () => boolean;
}

/** @param now the service; asked only while it runs, because its stages count before all of them are made */
export function metricsOf(
  config: Config,
  listed: ReadonlyMap<CameraId, CameraSettings>,
  unlisted: CameraSettings,
  now: () => Measured,
): Metrics {
  return new Metrics(
    {
      version: VERSION,
      site: config.site,
      cameras: [...listed.keys()],
      recipes: Object.keys(config.recipes),
      queueLimit: { frames: config.limits.queue_frames, bytes: config.limits.queue_bytes },
    },
    {
      framesInFlight: () => now().pipeline.framesInFlight,
      queue: () => now().admission.depth,
      queueOf: (cameraId) => now().admission.depthOf(cameraId),
      taktOf: (cameraId) => listed.get(cameraId)?.taktMs ?? null,
      certificates: () => now().certificates.expiries(),
      models: () => now().models.states(),
      modelOf: (cameraId) => {
        const { recipeId } = (cameraId === null ? undefined : listed.get(cameraId)) ?? unlisted;
        return now().models.packageOf(recipeId)?.engineModel.name ?? null;
      },
      shadows: () => now().shadows.atWork(),
      recipes: () => [...now().models.recipes.values()].map(({ id, cuts }) => ({ recipe: id, ...cuts })),
      store: () => {
        const { writable, pending, lastLedgerSeq, bytes, diskFreeBytes } = now().ledger.status();
        return { isWritable: writable, pending, lastLedgerSeq, bytes, diskFreeBytes };
      },
      outbox: () => {
        const { mqtt, ledger } = now();
        return mqtt === null ? null : outboxDepth(ledger);
      },
      mqttConnected: () => now().mqtt?.isConnected ?? null,
      isReady: () => now().isReady(),
      drifting: () => now().drift.drifting(),
      sessions: () => now().people.sessionCount,
    },
  );
}
