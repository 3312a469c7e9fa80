/** What a camera on gRPC sends and what it reads from the answers, over either method. */

import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describeError, ERROR_CODES, type ErrorCode } from '../errors.ts';
import { VERDICTS, type Verdict } from '../frame/verdict.ts';
import { inspectionPackage, messageOf, rpcPackage, SERVICE_NAME, serviceOf } from '../ingest/wire/contract.ts';
import { requestFrom } from '../ingest/wire/request.ts';
import type { WireResponse } from '../ingest/wire/response.ts';
import type { OutgoingFrame, SendOutcome } from './sender.ts';

const rpcStatus = messageOf(rpcPackage, 'google.rpc.Status');
const errorInfo = messageOf(rpcPackage, 'google.rpc.ErrorInfo');

export function methodOf(name: 'Inspect' | 'InspectStream') {
  const method = serviceOf(inspectionPackage, SERVICE_NAME)[name];
  if (method === undefined) throw new Error(`the contract has no method ${name}`);
  return method;
}

/** @returns an `InspectRequest`, ready for the encoder */
export function requestOf(frame: OutgoingFrame, recipeId: string | null): object {
  const { cameraId, frameId, sequence, capturedAt, isSimulated, bytes } = frame;
  return requestFrom({
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
  });
}

export function answered(response: WireResponse): SendOutcome {
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
export function failed(error: ServiceError): SendOutcome {
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

export function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code);
}

function isVerdict(verdict: string | number): verdict is Verdict {
  return (VERDICTS as readonly (string | number)[]).includes(verdict);
}
