/** What every method of the service shares: from a message as it came to the outcome of its frame. */

import type { Metadata } from '@grpc/grpc-js';
import { asLoupeError, type RefusalCode } from '../../errors.ts';
import type { Outcome, Refusal } from '../../frame/verdict.ts';
import { type Clock, type IntakeLimits, invalidRequest, takeIn } from '../intake.ts';
import { type ClientCertificate, type Peer, peerOf, UNBOUND, whyNotAs } from '../peer.ts';
import type { Authorize, CountRefused, Inspector, ResultsReader } from '../ports.ts';
import { draftFrom } from '../wire/request.ts';
import { type Arrival, tokenOf } from './definition.ts';
import type { ModelServicePorts } from './model-service.ts';

export interface GrpcPorts {
  readonly inspector: Inspector;
  readonly results: ResultsReader;
  readonly authorize: Authorize;
  readonly countRefused: CountRefused;
  /** Null: no ModelService. */
  readonly models: Pick<ModelServicePorts, 'models' | 'shadows'> | null;
  readonly actorOf: ModelServicePorts['actorOf'];
  readonly audit: ModelServicePorts['audit'];
}

export interface DeskOptions {
  readonly maxMessageBytes: number;
  readonly intakeLimits: IntakeLimits;
  readonly clock: Clock;
  /** Whether a client certificate says which camera it is. */
  readonly bindsCameras: boolean;
}

/** What a call says about who makes it. */
export interface Caller {
  readonly metadata: Metadata;
  getAuthContext(): { readonly sslPeerCertificate?: ClientCertificate | undefined };
}

export interface Patience {
  /** Aborted when nobody waits any longer. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds until which the caller waits; Infinity where it set no end. */
  readonly untilMono: number;
}

export class Desk {
  readonly ports: GrpcPorts;
  private readonly options: DeskOptions;

  constructor(ports: GrpcPorts, options: DeskOptions) {
    this.ports = ports;
    this.options = options;
  }

  peerOf(call: Caller): Peer {
    return this.options.bindsCameras ? peerOf(call.getAuthContext().sslPeerCertificate) : UNBOUND;
  }

  /**
   * `Patience.untilMono` of a call. To be asked when it begins: grpc-js gives its deadline by the wall clock of that moment, which may
   * be set while a stream is open.
   */
  untilMonoOf(call: { getDeadline(): Date | number }): number {
    const { clock } = this.options;
    return clock.mono() + Number(call.getDeadline()) - clock.now();
  }

  /** Why this caller may not send frames, or null. A certificate that names a camera stands for a token. */
  whyNoSender(call: Caller, peer: Peer): Extract<RefusalCode, 'unauthenticated' | 'permission_denied'> | null {
    if (peer.cameraIds !== null && peer.cameraIds.length > 0) return null;
    return this.ports.authorize(tokenOf(call.metadata), 'ingest');
  }

  /** Never rejects. Frames are handed to the inspector before this returns, so their order is the order of the calls. */
  async inspect(
    arrival: Arrival,
    transport: 'grpc_unary' | 'grpc_stream',
    peer: Peer,
    patience: Patience,
  ): Promise<Outcome> {
    const { ports, options } = this;
    const intake = this.takeIn(arrival, transport, patience.untilMono - options.clock.mono());
    if (intake.kind === 'refused') {
      ports.countRefused(transport, intake.code);
      return intake;
    }
    const notAs = whyNotAs(peer, intake.frame.cameraId);
    if (notAs !== null) {
      ports.countRefused(transport, notAs.code);
      return notAs;
    }
    try {
      return await ports.inspector.inspect(intake.frame, { signal: patience.signal });
    } catch (error) {
      // A bug behind the port. The sender must hear of it, and the other frames of its stream must not suffer.
      return this.refuse(transport, 'internal', asLoupeError(error).message);
    }
  }

  /** A request that the pipeline never sees. */
  refuse(transport: 'grpc_unary' | 'grpc_stream', code: RefusalCode, message: string): Refusal {
    this.ports.countRefused(transport, code);
    return { kind: 'refused', code, message };
  }

  private takeIn(arrival: Arrival, transport: 'grpc_unary' | 'grpc_stream', callerWaitsMs: number) {
    const { maxMessageBytes, clock, intakeLimits } = this.options;
    if (arrival.bytes > maxMessageBytes) {
      const message = `expected a message of at most ${maxMessageBytes} bytes, got ${arrival.bytes}`;
      return { kind: 'refused', code: 'message_too_large', message } as const;
    }
    if (arrival.kind === 'malformed') return invalidRequest(`expected a request in protobuf: ${arrival.detail}`);
    if (arrival.request === null) return invalidRequest('expected a frame, got an empty message');
    const decoded = draftFrom(arrival.request);
    if (decoded.kind === 'refused') return decoded;
    const { draft } = decoded;
    const asked = draft.maxWaitMs === null || draft.maxWaitMs === 0 ? Number.POSITIVE_INFINITY : draft.maxWaitMs;
    const maxWaitMs = Math.max(1, Math.min(asked, callerWaitsMs));
    const patient = { ...draft, maxWaitMs: Number.isFinite(maxWaitMs) ? maxWaitMs : null };
    return takeIn(patient, transport, clock, intakeLimits);
  }
}
