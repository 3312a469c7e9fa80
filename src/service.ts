/**
 * The service: every stage made and wired here, started from sink to source, stopped in reverse within one deadline.
 *
 *   HTTP (health) ─> ledger ─> engines ─> MQTT publisher ─> gRPC, MQTT sources
 */

import { v7 as uuidv7 } from 'uuid';
import { doorsOf } from './wiring/certificate-doors.ts';
import { Certificates } from './wiring/certificates.ts';
import { hostText, listenOf } from './config/fields.ts';
import type { Config } from './config/schema.ts';
import type { Secrets } from './config/secrets.ts';
import { LineView } from './dashboard/line-view.ts';
import { LiveFeed } from './dashboard/live-feed.ts';
import type { HttpServer } from './dashboard/server.ts';
import { type DriftDesk, driftDeskOf } from './wiring/drift-desk.ts';
import { cudaProviderMissing } from './engine/cuda.ts';
import { frameCounting } from './wiring/frame-counting.ts';
import { httpDoor } from './wiring/http-door.ts';
import { Admission } from './ingest/admission.ts';
import { Cameras } from './ingest/cameras.ts';
import { GrpcSource } from './ingest/grpc/grpc-source.ts';
import { checkImage } from './ingest/image-check.ts';
import { SYSTEM_CLOCK } from './ingest/intake.ts';
import { SERVICE_NAME } from './ingest/wire/contract.ts';
import { listedCameras, unlistedCameras } from './wiring/line-cameras.ts';
import { ModelLife } from './wiring/model-life.ts';
import { ModelsAtWork } from './wiring/models-at-work.ts';
import { MqttRoad } from './wiring/mqtt-road.ts';
import { DiskTrend } from './observe/disk-trend.ts';
import { assess, type Health } from './observe/health.ts';
import type { Log } from './observe/log.ts';
import type { Metrics } from './observe/metrics.ts';
import { RecentEvents } from './observe/recent-events.ts';
import { PeopleAtWork } from './wiring/people-at-work.ts';
import { packageRecipes, type PackagedRecipe } from './wiring/packaged-recipes.ts';
import { Pipeline } from './pipeline.ts';
import { deskOf } from './proving/desk-of.ts';
import type { ProvingDesk } from './proving/desk.ts';
import { Ledger } from './record/ledger.ts';
import { Reporting } from './wiring/reporting.ts';
import { metricsOf } from './wiring/service-metrics.ts';
import { serviceStatus } from './wiring/service-status.ts';
import { ShadowDesk } from './shadow/shadow-desk.ts';
import { VERSION } from './version.ts';
import type { WaitingFrame } from './waiting-frame.ts';

export interface Addresses {
  readonly grpc: string;
  readonly http: string;
  /** Of the broker, the embedded one or the plant's; null where there is none. */
  readonly mqtt: string | null;
}

const HEALTH_PERIOD_MS = 250;
/** Decided frames that may wait for the disk; more, and the store counts as unavailable. */
const MAX_PENDING_RECORDS = 4096;

export class Service {
  readonly models: ModelsAtWork;
  readonly people: PeopleAtWork;
  private readonly config: Config;
  private readonly packaged: readonly PackagedRecipe[];
  private readonly modelLife: ModelLife;
  private readonly proving: ProvingDesk;
  private readonly drift: DriftDesk;
  private readonly shadows: ShadowDesk;
  private readonly log: Log;
  private readonly metrics: Metrics;
  private readonly ledger: Ledger;
  private readonly admission: Admission<WaitingFrame>;
  private readonly pipeline: Pipeline;
  private readonly grpc: GrpcSource;
  private readonly http: HttpServer;
  private readonly feed: LiveFeed;
  private readonly recent: RecentEvents;
  private readonly mqtt: MqttRoad | null;
  private readonly certificates: Certificates;
  private readonly disk = new DiskTrend();
  private addresses: Addresses | null = null;
  private healthTimer: NodeJS.Timeout | undefined;
  private phase: 'starting' | 'running' | 'stopping' = 'starting';
  private stopped: Promise<void> | undefined;

  /**
   * Reads the model packages and makes the stages; nothing is opened yet.
   * @throws ModelPackageError when a recipe's model is not as it should be
   */
  static async create(config: Config, secrets: Secrets, log: Log): Promise<Service> {
    const recipes = await packageRecipes(config);
    const cudaMissing = config.engine.provider === 'cpu' ? null : await cudaProviderMissing();
    return new Service(config, secrets, log, recipes, cudaMissing);
  }

  private constructor(
    config: Config,
    secrets: Secrets,
    log: Log,
    recipes: readonly PackagedRecipe[],
    cudaMissing: string | null,
  ) {
    this.config = config;
    this.packaged = recipes;
    this.recent = new RecentEvents(log, () => Date.now());
    this.log = this.recent;
    const listed = listedCameras(config);
    const unlisted = unlistedCameras(config);
    this.metrics = metricsOf(config, listed, unlisted, () => {
      const { pipeline, admission, certificates, models, ledger, mqtt, drift, people, shadows } = this;
      const isReady = () => this.health().isReady;
      return {
        pipeline,
        admission,
        certificates,
        models,
        ledger,
        mqtt,
        drift,
        people: people.people,
        shadows,
        isReady,
      };
    });
    const reporting = new Reporting(this.log, this.metrics);

    this.ledger = new Ledger({
      path: config.store.path,
      durability: config.store.durability,
      images: { keep: config.store.images.keep, keepPassRatio: config.store.images.keep_pass_ratio },
      retention: {
        maxAgeDays: config.store.retention.max_age_days,
        maxBytes: config.store.retention.max_bytes,
        minFreeBytes: config.store.retention.min_free_bytes,
      },
      maxPending: MAX_PENDING_RECORDS,
      onEvent: (event) => reporting.ledger(event),
    });
    this.people = new PeopleAtWork({
      config,
      credentials: secrets.credentials,
      ledger: this.ledger,
      onEvent: (event) => reporting.people(event),
    });
    const { tokens } = this.people;
    this.models = new ModelsAtWork({
      config,
      recipes,
      cudaMissing,
      take: (lane) => this.pipeline.take(lane),
      onEvent: (lane, event) => reporting.engine(lane, event),
    });
    this.modelLife = new ModelLife({
      config,
      cudaMissing,
      models: this.models,
      shadowed: (name, version) => this.shadows.beside(name, version),
      onEvent: (event) => reporting.model(event),
    });
    this.drift = driftDeskOf(config, (event) => reporting.drift(event));
    this.proving = deskOf(config, this.ledger, this.models, (event) => reporting.proving(event));
    this.shadows = new ShadowDesk({
      config,
      repository: this.modelLife.repository,
      packageOf: (recipeId) => this.models.packageOf(recipeId),
      poolFor: (recipeId, candidate, source) => this.models.shadowPool(recipeId, candidate, source),
      now: Date.now,
      onEvent: (event) => reporting.shadow(event),
    });
    this.admission = new Admission(
      { frames: config.limits.queue_frames, bytes: config.limits.queue_bytes },
      (cameraId) => (listed.get(cameraId) ?? unlisted).queue,
    );
    const usesMqtt = config.mqtt.url !== null || config.mqtt.embedded.enabled;
    this.pipeline = new Pipeline({
      cameras: new Cameras({
        listed,
        unlisted: config.unlisted_cameras.policy === 'refuse' ? null : unlisted,
        maxUnlisted: config.unlisted_cameras.max,
        now: () => performance.now(),
      }),
      recipes: this.models.recipes,
      admission: this.admission,
      engines: this.models.engines,
      ledger: {
        whyUnavailable: () => {
          const { writable, reason } = this.ledger.status();
          return writable ? null : (reason ?? 'the store cannot be written');
        },
        find: (cameraId, frameId) => this.ledger.find(cameraId, frameId),
        record: (decision, image, deliveries) => this.ledger.record(decision, image, deliveries),
        enqueue: (resultId, deliveries) => this.ledger.enqueue(resultId, deliveries),
      },
      checkImage: (image) =>
        checkImage(image, { maxBytes: config.limits.message_bytes, maxPixels: config.limits.pixels }),
      publishes: usesMqtt,
      newResultId: () => uuidv7(),
      clock: SYSTEM_CLOCK,
      observer: frameCounting(this.metrics.frames, reporting, listed, {
        recorded: (frame, result, look) => {
          this.drift.offer(frame, result, look);
          this.proving.offer(result);
          this.shadows.offer(frame, result);
        },
        seenAgain: (frame, result) => this.drift.offer(frame, result, null),
      }),
    });
    const countRefused = this.metrics.frames.requestRefused.bind(this.metrics.frames);
    this.grpc = new GrpcSource(
      {
        ...listenOf(config.grpc.listen),
        tls: secrets.grpcTls,
        bindsCameras: config.grpc.tls?.camera_from_certificate ?? false,
        maxMessageBytes: config.limits.message_bytes,
        onEvent: (event) => reporting.grpc(event),
      },
      {
        inspector: this.pipeline,
        results: this.ledger,
        authorize: (token, right) => tokens.authorize(token, right),
        countRefused,
        models: { models: this.modelLife.desk, shadows: this.shadows },
        actorOf: (token) => tokens.actorOf(token),
        audit: this.people.audit,
      },
    );
    this.mqtt = usesMqtt
      ? new MqttRoad({
          config,
          secrets,
          tokens,
          inspector: this.pipeline,
          outbox: this.ledger.outbox,
          isReady: () => this.health().isReady,
          countRefused,
          onPublished: (count) => this.metrics.resultsPublished(count),
          onRetained: () => this.metrics.retainedFrameIgnored(),
          onEvent: (event) => reporting.mqtt(event),
        })
      : null;
    this.feed = new LiveFeed({
      ledger: this.ledger,
      view: new LineView(listed, {
        driftOf: (cameraId) => this.drift.conditionsOf(cameraId),
        hasHeatMap: (resultId) => this.proving.hasHeatMap(resultId),
      }),
      service: () => this.health(),
      now: () => Date.now(),
    });
    this.http = httpDoor({
      config,
      secrets,
      people: this.people,
      ledger: this.ledger,
      inspector: this.pipeline,
      models: this.modelLife.desk,
      cuts: this.modelLife.cuts,
      proving: this.proving,
      drift: this.drift,
      shadows: this.shadows,
      metrics: this.metrics,
      feed: this.feed,
      health: () => this.health(),
      status: () => this.status(),
      onError: (error) => reporting.httpFailed(error),
      onFlood: (flood) => reporting.httpFlood(flood),
      onTlsRefused: (refusal) => reporting.tlsRefused('http', refusal),
    });
    this.certificates = new Certificates(
      doorsOf(config, secrets, { grpc: this.grpc, http: this.http, mqtt: this.mqtt }),
      {
        now: () => Date.now(),
        onEvent: (event) => reporting.certificate(event),
      },
    );
  }

  /** Milliseconds since the ledger's writer gave a sign of life. */
  get storeSilentMs(): number {
    return this.ledger.silentMs;
  }

  /** Reads the certificates again, as the service does by itself every minute. Never rejects. */
  reloadCertificates(): Promise<void> {
    return this.certificates.reload();
  }

  /**
   * Opens everything. Health answers first, so that a slow start (a GPU warming up) can be watched; frames come last, so that
   * the first one finds a proven engine. A model that cannot be proven leaves the service not ready, trying again.
   * @throws LoupeError store_unavailable, ProviderUnavailableError, or an error of the system (address in use)
   */
  async start(): Promise<Addresses> {
    const { port: httpPort } = await this.http.start();
    // Engines take longest: they load and are proven while the store is opened.
    const proven = this.models.start();
    proven.catch(() => undefined); // thrown below, once nothing else is half open
    await this.ledger.start();
    await this.people.people.start();
    await this.feed.start();
    const notNoted = await this.modelLife.noteFirstModels(this.packaged);
    if (notNoted !== null) this.log.log('warn', 'activations_not_noted', { detail: notNoted });
    await proven;
    this.metrics.frames.opened(Date.now());
    const mqtt = (await this.mqtt?.start()) ?? null;
    const { port: grpcPort } = await this.grpc.start();
    const grpc = listenOf(this.config.grpc.listen);
    const http = listenOf(this.config.http.listen);
    const scheme = this.config.http.tls === null ? 'http' : 'https';
    this.addresses = {
      grpc: `${hostText(grpc)}:${grpcPort}`,
      http: `${scheme}://${hostText(http)}:${httpPort}`,
      mqtt,
    };
    this.certificates.start();
    this.phase = 'running';
    this.tellHealth();
    this.healthTimer = setInterval(() => this.tellHealth(), HEALTH_PERIOD_MS);
    // A candidate is no part of the line: frames do not wait for it.
    void this.shadows.resume();
    this.log.log('info', 'started', { version: VERSION, ...this.addresses });
    return this.addresses;
  }

  /** Answers what is in flight, then closes everything, within `shutdown_ms`. */
  stop(): Promise<void> {
    this.stopped ??= this.close();
    return this.stopped;
  }

  health(): Health {
    const { writable, reason } = this.ledger.status();
    return assess({
      isStopping: this.phase === 'stopping',
      isStarting: this.phase === 'starting',
      storeUnavailable: writable ? null : (reason ?? 'the store cannot be written'),
      engines: this.models.health(),
      broker: this.mqtt === null ? null : { isConnected: this.mqtt.isConnected, detail: this.mqtt.whyDisconnected },
    });
  }

  private async close(): Promise<void> {
    this.phase = 'stopping';
    this.log.log('info', 'stopping', { framesInFlight: this.pipeline.framesInFlight });
    clearInterval(this.healthTimer);
    await this.certificates.stop();
    const endsAt = performance.now() + this.config.shutdown_ms;
    const leftMs = () => Math.max(0, endsAt - performance.now());
    const drained = this.pipeline.drain(leftMs());
    // A model that is being proven would keep whoever asked for it waiting, and the door they came in by, for minutes.
    const aside = [this.modelLife.stop(), this.shadows.close()];
    await Promise.all([this.grpc.stop(leftMs()), this.mqtt?.stopTaking(leftMs()), drained, ...aside]);
    await this.mqtt?.stop(Math.min(2000, leftMs()));
    this.feed.stop();
    this.people.people.stop();
    this.proving.stop();
    await this.http.stop(leftMs());
    await this.drift.settled();
    await this.models.stop();
    await this.ledger.stop();
    this.log.log('info', 'stopped', { framesInFlight: this.pipeline.framesInFlight });
  }

  /** Tells gRPC health what /readyz says, per service and per model. */
  private tellHealth(): void {
    this.disk.note(this.ledger.status().diskFreeBytes, performance.now());
    const { isReady } = this.health();
    for (const service of ['', SERVICE_NAME]) this.grpc.setServing(service, isReady);
    this.grpc.setModels(
      this.models.health().map(({ model, down }) => ({
        name: model.slice(0, model.indexOf('/')),
        isServing: down === null && this.phase === 'running',
      })),
    );
  }

  private status(): object {
    const { config, addresses, models, ledger, disk, mqtt, certificates, drift, recent } = this;
    return serviceStatus({
      config,
      addresses,
      health: this.health(),
      models,
      framesInFlight: this.pipeline.framesInFlight,
      queue: this.admission.depth,
      ledger,
      disk,
      mqtt,
      certificates,
      drift,
      recent,
    });
  }
}
