/** `Inspect` and `GetResult`. */

import type { sendUnaryData } from '@grpc/grpc-js';
import { asLoupeError, describeError } from '../../errors.ts';
import { cameraIdFrom, frameIdFrom } from '../../frame/identifiers.ts';
import type { Outcome, RecordedResult } from '../../frame/verdict.ts';
import { quote } from '../intake.ts';
import { responseFrom } from '../wire/response.ts';
import { type GetCall, type InspectCall, tokenOf, type WireGetRequest, type WireResult } from './definition.ts';
import type { Desk } from './desk.ts';
import { explainDenial, type StatusError, statusOf } from './status.ts';

export async function inspectOne(desk: Desk, call: InspectCall, callback: sendUnaryData<WireResult>): Promise<void> {
  const peer = desk.peerOf(call);
  const denied = desk.whyNoSender(call, peer);
  if (denied !== null) {
    const refusal = desk.refuse('grpc_unary', denied, explainDenial(denied, 'ingest'));
    callback(statusOf(refusal.code, refusal.message));
    return;
  }
  const gone = new AbortController();
  const abort = () => gone.abort();
  call.on('cancelled', abort);
  if (call.cancelled) gone.abort();
  const outcome = await desk.inspect(call.request, 'grpc_unary', peer, {
    signal: gone.signal,
    untilMono: desk.untilMonoOf(call),
  });
  // grpc-js 1.14 says `cancelled` at the end of every call, and an abort costs a stack trace.
  call.off('cancelled', abort);
  const failure = failureOf(outcome);
  if (failure !== null) callback(failure);
  else if (outcome.kind === 'answered') callback(null, responseFrom(outcome.result, outcome.duplicate));
}

export async function getResult(desk: Desk, call: GetCall, callback: sendUnaryData<WireResult>): Promise<void> {
  const denied = desk.ports.authorize(tokenOf(call.metadata), 'read');
  if (denied !== null) {
    callback(statusOf(denied, explainDenial(denied, 'read')));
    return;
  }
  try {
    const found = await find(desk, call.request);
    if ('code' in found) callback(found);
    else callback(null, responseFrom(found, false));
  } catch (error) {
    const { code, message } = asLoupeError(error);
    callback(statusOf(code, message));
  }
}

async function find(desk: Desk, request: WireGetRequest): Promise<RecordedResult | StatusError> {
  const { results } = desk.ports;
  if (request.result_id !== '') {
    const missing = `no result with id ${quote(request.result_id)}`;
    return (await results.get(request.result_id)) ?? statusOf('result_not_found', missing);
  }
  const cameraId = cameraIdFrom(request.camera_id);
  const frameId = frameIdFrom(request.frame_id);
  if (cameraId === null || frameId === null) {
    return statusOf('invalid_request', 'expected result_id, or a valid camera_id and frame_id');
  }
  const missing = `camera "${cameraId}" has no recorded frame "${frameId}"`;
  return (await results.find(cameraId, frameId)) ?? statusOf('result_not_found', missing);
}

/** The status that ends the call, or null where a result does. */
function failureOf(outcome: Outcome): StatusError | null {
  if (outcome.kind === 'refused') return statusOf(outcome.code, outcome.message);
  const { reason, reasonDetail, resultId, cameraId, frameId } = outcome.result;
  if (reason === null || describeError(reason).grpc === 'OK') return null;
  const facts = { result_id: resultId, camera_id: cameraId, frame_id: frameId, duplicate: String(outcome.duplicate) };
  return statusOf(reason, reasonDetail ?? reason, facts);
}
