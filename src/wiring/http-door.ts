/** HTTP, wired: what each route may ask of the rest of the service. */

import path from 'node:path';
import { isLoopback, listenOf } from '../config/fields.ts';
import type { Config } from '../config/schema.ts';
import type { Secrets } from '../config/secrets.ts';
import { FRAMES_ROUTE } from '../dashboard/frames-description.ts';
import type { LiveFeed } from '../dashboard/live-feed.ts';
import { type HttpFlood, HttpServer } from '../dashboard/server.ts';
import type { DriftDesk } from './drift-desk.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { ShadowControl } from '../frame/shadows.ts';
import { addFrameUpload } from '../ingest/http/frame-upload.ts';
import { SYSTEM_CLOCK } from '../ingest/intake.ts';
import type { Inspector } from '../ingest/ports.ts';
import type { ModelLife } from './model-life.ts';
import type { Health } from '../observe/health.ts';
import type { Metrics } from '../observe/metrics.ts';
import { proofSheet } from '../proving/proof-sheet.ts';
import type { ProvingDesk } from '../proving/desk.ts';
import type { PeopleAtWork } from './people-at-work.ts';
import type { Ledger } from '../record/ledger.ts';
import type { TlsRefusal } from '../server-tls.ts';
import { VERSION } from '../version.ts';

export interface HttpDoorParts {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly people: PeopleAtWork;
  readonly ledger: Ledger;
  readonly inspector: Inspector;
  readonly models: ModelLife['desk'];
  readonly cuts: ModelLife['cuts'];
  readonly shadows: ShadowControl;
  readonly metrics: Metrics;
  readonly proving: ProvingDesk;
  readonly drift: DriftDesk;
  readonly feed: LiveFeed;
  readonly health: () => Health;
  readonly status: () => object;
  readonly onError: (error: unknown) => void;
  readonly onFlood: (flood: HttpFlood) => void;
  readonly onTlsRefused: (refusal: TlsRefusal) => void;
}

export function httpDoor(parts: HttpDoorParts): HttpServer {
  const { config, secrets, people, ledger, metrics } = parts;
  const listen = listenOf(config.http.listen);
  return new HttpServer({
    ...listen,
    tls: secrets.httpTls,
    maxBodyBytes: config.limits.message_bytes,
    isLoopback: isLoopback(listen.host),
    whoAsks: (token, secret) => people.whoAsks(token, secret),
    audit: people.audit,
    ports: {
      version: VERSION,
      health: parts.health,
      status: parts.status,
      metrics: { contentType: metrics.contentType, render: () => metrics.render() },
      results: ledger,
      reviews: ledger,
      proving: parts.proving,
      drift: parts.drift,
      proofSheet: async (resultId) =>
        proofSheet({
          proofs: [await parts.proving.proof(resultId)],
          version: VERSION,
          madeAt: Date.now(),
          verified: null,
        }),
      now: () => Date.now(),
      imageFile: (result) => imageFile(config, result),
      models: parts.models,
      cuts: parts.cuts,
      quality: ledger,
      samples: config.review,
      defectClasses: config.review.defect_classes,
      random: Math.random,
      onJudged: (review) => parts.feed.judged(review),
      calendar: {
        timeZone: config.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
        shifts: config.shifts,
      },
      shadows: parts.shadows,
      maxPackageBytes: config.models.max_package_bytes,
      people: people.people,
      auditPage: (before, limit) => ledger.audit(before, limit),
      sessionMaxAgeS: config.auth.session_hours * 3600,
    },
    more: [
      (server, api) => {
        api.describe(FRAMES_ROUTE);
        addFrameUpload(server, {
          inspector: parts.inspector,
          countRefused: metrics.frames.requestRefused.bind(metrics.frames),
          clock: SYSTEM_CLOCK,
          bindsCameras: config.http.tls?.camera_from_certificate ?? false,
        });
      },
    ],
    feed: parts.feed,
    onError: parts.onError,
    onFlood: parts.onFlood,
    onTlsRefused: parts.onTlsRefused,
  });
}

function imageFile(config: Config, { imagePath }: RecordedResult): string | null {
  return imagePath === null ? null : path.join(config.store.path, 'images', imagePath);
}
