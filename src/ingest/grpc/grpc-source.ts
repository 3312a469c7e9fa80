/**
 * Frames in and verdicts out over gRPC: the inspection service, standard health and reflection on one port.
 *
 *   start: bind ─> serve          stop: not serving ─> no new frames ─> answers out ─> streams ended ─> port closed
 */

import { setMaxListeners } from 'node:events';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { type Clock, INTAKE_LIMITS, type IntakeLimits, SYSTEM_CLOCK } from '../intake.ts';
import { inspectionPackage, SERVICE_NAME, serviceOf } from '../wire/contract.ts';
import { ByteBudget } from './byte-budget.ts';
import { type Handlers, inspectionService, type InspectStreamCall } from './definition.ts';
import { Desk, type GrpcPorts } from './desk.ts';
import { Health } from './health.ts';
import { bind, createServer, credentialsOf, type GrpcFlood, type OpenServer, shutDown } from './http2-server.ts';
import { type ServerTls, TlsGuard, type TlsRefusal } from '../../server-tls.ts';
import { SLOW_PEER_LIMITS, type SlowPeerLimits } from './slow-peers.ts';
import { InspectStream } from './inspect-stream.ts';
import { MODEL_SERVICE_NAME, modelHandlers } from './model-service.ts';
import { reflectionOf } from './reflection.ts';
import { explainDenial, statusOf } from './status.ts';
import { getResult, inspectOne } from './unary-calls.ts';
import { watchResults } from './watch-results.ts';

export interface GrpcSourceOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls: ServerTls | null;
  /** Whether a client certificate says which camera it is, and that it is no other. Default false. */
  readonly bindsCameras?: boolean;
  /** Default 200. */
  readonly maxConnections?: number;
  /** How long a peer may take to say its first word, and to send the whole of a unary request. */
  readonly patience?: SlowPeerLimits;
  /** Largest message accepted. */
  readonly maxMessageBytes: number;
  /** Frames of one stream that may be under way; default 32. */
  readonly maxFramesPerStream?: number;
  /** Bytes of frames under way on all streams; as many of unary requests may be on their way in. Default eight messages of the largest size. */
  readonly maxStreamBytes?: number;
  readonly intakeLimits?: IntakeLimits;
  readonly clock?: Clock;
  readonly onEvent?: (event: GrpcEvent) => void;
}

export type GrpcEvent =
  | { readonly kind: 'grpc_listening'; readonly host: string; readonly port: number; readonly hasTls: boolean }
  | { readonly kind: 'grpc_stopped'; readonly wasForced: boolean }
  | ({ readonly kind: 'grpc_flood_cut' } & GrpcFlood)
  | ({ readonly kind: 'tls_refused' } & TlsRefusal)
  /** A bug: the call was answered with `internal`. */
  | { readonly kind: 'grpc_call_failed'; readonly method: string; readonly error: unknown };

const OWN_SERVICES = ['', SERVICE_NAME] as const;
const MAX_FRAMES_PER_STREAM = 32;
const BUDGET_MESSAGES = 8;
const MAX_CONNECTIONS = 200;
/** How long the last answers have to leave the machine. */
const LINGER_MS = 500;

export class GrpcSource {
  private readonly options: GrpcSourceOptions;
  private readonly desk: Desk;
  private readonly budget: ByteBudget;
  private readonly health = new Health();
  /** Names of models that health was ever told of. */
  private readonly models = new Set<string>();
  private readonly streams = new Set<InspectStream>();
  /** Calls that are not answered yet. */
  private readonly underWay = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private open: OpenServer | undefined;
  private starting: Promise<{ readonly port: number }> | undefined;
  private ending: Promise<void> | undefined;

  constructor(options: GrpcSourceOptions, ports: GrpcPorts) {
    this.options = options;
    const { clock = SYSTEM_CLOCK, intakeLimits = INTAKE_LIMITS, maxMessageBytes } = options;
    const { bindsCameras = false } = options;
    this.desk = new Desk(ports, { clock, intakeLimits, maxMessageBytes, bindsCameras });
    this.budget = new ByteBudget(options.maxStreamBytes ?? maxMessageBytes * BUDGET_MESSAGES);
    // Every watcher listens, and Node takes more than ten for a leak.
    setMaxListeners(0, this.stopping.signal);
    for (const service of OWN_SERVICES) this.health.set(service, false);
  }

  /** New connections get this certificate; open ones keep theirs. @throws where the pair does not fit: the old one stays */
  useTls(tls: ServerTls): void {
    this.open?.useTls(tls);
  }

  /** Opens the port. Health says NOT_SERVING until `setServing`. Rejects where the port cannot be had. */
  start(): Promise<{ readonly port: number }> {
    this.starting ??= this.openPort();
    return this.starting;
  }

  /**
   * What `grpc.health.v1` says.
   * @param service '' for the whole, `inspection.v1.InspectionService`, or `model/<name>`
   */
  setServing(service: string, isServing: boolean): void {
    this.health.set(service, isServing && !this.stopping.signal.aborted);
  }

  /**
   * What `grpc.health.v1` says of `model/<name>`: of a model that stands here in several versions, that each of them serves; of one
   * that stood here before and does no more, that it does not.
   */
  setModels(models: readonly { readonly name: string; readonly isServing: boolean }[]): void {
    for (const { name } of models) this.models.add(name);
    for (const name of this.models) {
      const versions = models.filter((model) => model.name === name);
      this.setServing(`model/${name}`, versions.length > 0 && versions.every(({ isServing }) => isServing));
    }
  }

  /** Takes no new frame, answers those under way, ends the streams, closes the port; cuts what is left after `graceMs`. */
  stop(graceMs: number): Promise<void> {
    this.ending ??= this.closePort(graceMs);
    return this.ending;
  }

  private async openPort(): Promise<{ readonly port: number }> {
    const { host, port, tls, maxMessageBytes } = this.options;
    const { maxConnections = MAX_CONNECTIONS, patience = SLOW_PEER_LIMITS } = this.options;
    const { maxStreamBytes: maxUnfinishedBytes = maxMessageBytes * BUDGET_MESSAGES } = this.options;
    const { onEvent } = this.options;
    const guard = new TlsGuard(tls?.refused ?? new Set(), (refusal) => onEvent?.({ kind: 'tls_refused', ...refusal }));
    const onFlood = (flood: GrpcFlood) => onEvent?.({ kind: 'grpc_flood_cut', ...flood });
    const open = createServer({ maxMessageBytes, maxConnections, maxUnfinishedBytes, patience, guard, onFlood });
    const { server } = open;
    server.addService(inspectionService(), this.handlers());
    this.addModelService(server);
    this.health.addToServer(server);
    const healthPackage = loadSync(healthProtoPath);
    reflectionOf({ ...inspectionPackage, ...healthPackage }).addToServer(server);
    const bound = await bind(server, host, port, credentialsOf(tls));
    this.open = open;
    onEvent?.({ kind: 'grpc_listening', host, port: bound, hasTls: tls !== null });
    return { port: bound };
  }

  private addModelService(server: OpenServer['server']): void {
    const { ports } = this.desk;
    const { models } = ports;
    if (models === null) return;
    const report = (method: string) => (error: unknown) =>
      this.options.onEvent?.({ kind: 'grpc_call_failed', method, error });
    const handlers = modelHandlers(
      { ...models, authorize: ports.authorize, actorOf: ports.actorOf, audit: ports.audit },
      (method, work) => this.track(work.catch(report(method))),
    );
    server.addService(serviceOf(inspectionPackage, MODEL_SERVICE_NAME), handlers);
  }

  private async closePort(graceMs: number): Promise<void> {
    this.stopping.abort();
    this.health.stop();
    for (const stream of this.streams) stream.stop();
    await this.starting?.catch(() => undefined);
    if (this.open === undefined) return;
    const endsAt = performance.now() + graceMs;
    const isAnswered = await settleWithin(this.underWay, graceMs);
    // What is still open now waits for nothing of ours: a health watcher, a peer that is gone.
    await shutDown(this.open, Math.min(LINGER_MS, Math.max(0, endsAt - performance.now())));
    const wasForced = !isAnswered;
    this.open = undefined;
    this.options.onEvent?.({ kind: 'grpc_stopped', wasForced });
  }

  private handlers(): Handlers {
    return {
      Inspect: (call, callback) => {
        if (this.stopping.signal.aborted) callback(this.refuseNew('grpc_unary'));
        else this.guard('Inspect', inspectOne(this.desk, call, callback), callback);
      },
      InspectStream: (call) => this.openStream(call),
      WatchResults: (call) => {
        const report = (error: object) => call.emit('error', error);
        this.guard('WatchResults', watchResults(this.desk, call, this.stopping.signal), report);
      },
      GetResult: (call, callback) => this.guard('GetResult', getResult(this.desk, call, callback), callback),
    };
  }

  private openStream(call: InspectStreamCall): void {
    const peer = this.desk.peerOf(call);
    const denied = this.desk.whyNoSender(call, peer);
    if (denied !== null) {
      const refusal = this.desk.refuse('grpc_stream', denied, explainDenial(denied, 'ingest'));
      call.emit('error', statusOf(refusal.code, refusal.message));
      return;
    }
    if (this.stopping.signal.aborted) {
      call.emit('error', this.refuseNew('grpc_stream'));
      return;
    }
    const maxFrames = this.options.maxFramesPerStream ?? MAX_FRAMES_PER_STREAM;
    let finish = (): void => undefined;
    this.track(new Promise<void>((resolve) => (finish = resolve)));
    const stream: InspectStream = new InspectStream(this.desk, call, peer, maxFrames, this.budget, () => {
      this.streams.delete(stream);
      finish();
    });
    this.streams.add(stream);
    stream.start();
  }

  private refuseNew(transport: 'grpc_unary' | 'grpc_stream') {
    const refusal = this.desk.refuse(transport, 'shutting_down', 'the service is stopping');
    return statusOf(refusal.code, refusal.message);
  }

  private guard(method: string, work: Promise<void>, answer: (error: ReturnType<typeof statusOf>) => void): void {
    const answered = work.catch((error: unknown) => {
      this.options.onEvent?.({ kind: 'grpc_call_failed', method, error });
      answer(statusOf('internal', `${method} failed`));
    });
    this.track(answered);
  }

  private track(work: Promise<void>): void {
    this.underWay.add(work);
    void work.finally(() => this.underWay.delete(work));
  }
}

/** Whether all of `works` ended within `graceMs`. */
async function settleWithin(works: Iterable<Promise<void>>, graceMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), graceMs);
  });
  const done = await Promise.race([Promise.all(works).then(() => true), late]);
  clearTimeout(timer);
  return done;
}
