/**
 * A camera on gRPC. One unary call per frame: each frame fails or waits alone, whatever happens to its neighbours, and the
 * deadline of the call is the sender's patience.
 */

import { Client, connectivityState, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describeError, ERROR_CODES, type ErrorCode } from '../errors.ts';
import { VERDICTS, type Verdict } from '../frame/verdict.ts';
import type { FrameDraft } from '../ingest/intake.ts';
import { inspectionPackage, messageOf, rpcPackage, SERVICE_NAME, serviceOf } from '../ingest/wire/contract.ts';
import { requestFrom } from '../ingest/wire/request.ts';
import type { WireResponse } from '../ingest/wire/response.ts';
import type { FrameSender, OutgoingFrame, SendOutcome } from './sender.ts';

export interface GrpcSenderOptions {
  /** HOST:PORT. */
  readonly address: string;
  readonly token?: string | null;
  /** PEM of the authority that signed the server's certificate; null: plain text. */
  readonly tlsCa?: Buffer | null;
  /** Recipe asked for; null: the camera's own. */
  readonly recipeId?: string | null;
  /** How long to wait for a connection. Default 5 s. */
  readonly connectMs?: number;
  /** How long to wait for the answer to a frame. Default 30 s. */
  readonly answerMs?: number;
}

const CONNECT_MS = 5000;
const ANSWER_MS = 30_000;

const rpcStatus = messageOf(rpcPackage, 'google.rpc.Status');
const errorInfo = messageOf(rpcPackage, 'google.rpc.ErrorInfo');

/** Rejects where nothing answers at `options.address` within `connectMs`. Later losses of the connection heal by themselves. */
export async function connectGrpcSender(options: GrpcSenderOptions): Promise<FrameSender> {
  const { address, token = null, tlsCa = null, recipeId = null } = options;
  const channel = tlsCa === null ? credentials.createInsecure() : credentials.createSsl(tlsCa);
  const client = new Client(address, channel, {
    'grpc.max_send_message_length': -1,
    'grpc.enable_channelz': 0,
    // A frame sent again by the channel would hide from the summary that the line was down.
    'grpc.enable_retries': 0,
  });
  const connectMs = options.connectMs ?? CONNECT_MS;
  if (!(await isReachable(client, connectMs))) {
    client.close();
    throw new Error(`nothing answers gRPC at ${address}${tlsCa === null ? '' : ' over TLS'}`);
  }
  const metadata = new Metadata();
  if (token !== null) metadata.set('authorization', `Bearer ${token}`);
  return new GrpcSender(client, metadata, recipeId, options.answerMs ?? ANSWER_MS);
}

/** Whether a connection stands, as soon as that is known. */
async function isReachable(client: Client, connectMs: number): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = Date.now() + connectMs;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return true;
    if (state === connectivityState.TRANSIENT_FAILURE) return false;
    const hasChanged = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined || error === null));
    });
    if (!hasChanged) return false;
  }
}

const inspectMethod = serviceOf(inspectionPackage, SERVICE_NAME)['Inspect'];

class GrpcSender implements FrameSender {
  private readonly client: Client;
  private readonly metadata: Metadata;
  private readonly recipeId: string | null;
  private readonly answerMs: number;

  constructor(client: Client, metadata: Metadata, recipeId: string | null, answerMs: number) {
    this.client = client;
    this.metadata = metadata;
    this.recipeId = recipeId;
    this.answerMs = answerMs;
  }

  send(frame: OutgoingFrame): Promise<SendOutcome> {
    if (inspectMethod === undefined) throw new Error('the contract has no method Inspect');
    const { path, requestSerialize, responseDeserialize } = inspectMethod;
    const request = requestFrom(draftOf(frame, this.recipeId));
    const options = { deadline: Date.now() + this.answerMs };
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.metadata,
        options,
        (error, response) => resolve(error === null ? answered(response as WireResponse) : failed(error)),
      );
    });
  }

  async close(): Promise<void> {
    this.client.close();
  }
}

function draftOf(frame: OutgoingFrame, recipeId: string | null): FrameDraft {
  const { cameraId, frameId, sequence, capturedAt, isSimulated, bytes } = frame;
  return {
    cameraId,
    frameId,
    sequence,
    capturedAt,
    isSimulated,
    recipeId,
    partId: null,
    jobId: null,
    productId: null,
    measId: null,
    roi: null,
    maxWaitMs: null,
    tags: {},
    image: { kind: 'encoded', bytes },
  };
}

function answered(response: WireResponse): SendOutcome {
  const { verdict } = response;
  if (!isVerdict(verdict)) {
    return { kind: 'error', code: 'internal', message: `expected a verdict, got ${verdict}` };
  }
  return {
    kind: 'answered',
    resultId: response.result_id,
    verdict,
    reason: response.reason === '' ? null : response.reason,
    probability: response.defect_probability ?? null,
    duplicate: response.duplicate,
  };
}

/** A status is an error, unless it says that the frame stands in the ledger as UNINSPECTED: then it is the frame's answer. */
function failed(error: ServiceError): SendOutcome {
  const info = errorInfoOf(error.metadata);
  const code = info?.reason ?? String(error.metadata.get('loupe-error-code')[0] ?? '');
  if (!isErrorCode(code))
    return { kind: 'error', code: LIBRARY_CODES.get(error.code) ?? 'internal', message: error.details };
  const resultId = info?.metadata['result_id'];
  if (describeError(code).recorded && resultId !== undefined) {
    const duplicate = info?.metadata['duplicate'] === 'true';
    return { kind: 'answered', resultId, verdict: 'UNINSPECTED', reason: code, probability: null, duplicate };
  }
  return { kind: 'error', code, message: error.details };
}

interface ErrorInfo {
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

function errorInfoOf(metadata: Metadata): ErrorInfo | null {
  const [packed] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(packed)) return null;
  const { details } = rpcStatus.decode(packed) as { details: { type_url: string; value: Buffer }[] };
  const found = details.find((detail) => detail.type_url.endsWith('/google.rpc.ErrorInfo'));
  return found === undefined ? null : (errorInfo.decode(found.value) as ErrorInfo);
}

/** Statuses that did not come from Loupe itself but from the library at either end. */
const LIBRARY_CODES: ReadonlyMap<status, ErrorCode | 'unreachable' | 'no_answer'> = new Map([
  [status.UNAVAILABLE, 'unreachable'],
  [status.DEADLINE_EXCEEDED, 'no_answer'],
  [status.CANCELLED, 'no_answer'],
  [status.RESOURCE_EXHAUSTED, 'message_too_large'],
]);

function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code);
}

function isVerdict(verdict: string | number): verdict is Verdict {
  return (VERDICTS as readonly (string | number)[]).includes(verdict);
}
