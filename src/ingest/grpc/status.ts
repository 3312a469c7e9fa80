/** How a refusal or an uninspectable frame leaves over gRPC: a status, its code in words, and when to come again. */

import { Metadata } from '@grpc/grpc-js';
import { describeError, type ErrorCode, RETRY_AFTER_MS } from '../../errors.ts';
import { messageOf, rpcPackage } from '../wire/contract.ts';

export interface StatusError {
  /** Number of google.rpc.Code. */
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

export const ERROR_DOMAIN = 'loupe';

const rpcStatus = messageOf(rpcPackage, 'google.rpc.Status');
const errorInfo = messageOf(rpcPackage, 'google.rpc.ErrorInfo');
const retryInfo = messageOf(rpcPackage, 'google.rpc.RetryInfo');

const MAX_DETAILS_LENGTH = 1000;

/**
 * @param facts further names and values for `ErrorInfo.metadata`, such as the id of the result that was recorded
 * @returns the status with `grpc-status-details-bin` (google.rpc.Status with ErrorInfo, and RetryInfo where a retry can
 *   help), `loupe-error-code`, and `retry-after-ms` where a retry can help
 */
export function statusOf(code: ErrorCode, message: string, facts: Readonly<Record<string, string>> = {}): StatusError {
  const { grpcCode, retry } = describeError(code);
  // Trailers are part of the header list, which peers limit to a few kilobytes. Half a surrogate pair could not be sent.
  const details = message.slice(0, MAX_DETAILS_LENGTH).replaceAll(/\p{Cs}/gu, '\uFFFD');
  const info = errorInfo.encode({ reason: code, domain: ERROR_DOMAIN, metadata: facts });
  const packed = [{ type_url: 'type.googleapis.com/google.rpc.ErrorInfo', value: info }];
  const metadata = new Metadata();
  metadata.set('loupe-error-code', code);
  if (retry) {
    metadata.set('retry-after-ms', String(RETRY_AFTER_MS));
    const delay = { seconds: Math.floor(RETRY_AFTER_MS / 1000), nanos: (RETRY_AFTER_MS % 1000) * 1e6 };
    const value = retryInfo.encode({ retry_delay: delay });
    packed.push({ type_url: 'type.googleapis.com/google.rpc.RetryInfo', value });
  }
  metadata.set('grpc-status-details-bin', rpcStatus.encode({ code: grpcCode, message: details, details: packed }));
  return { code: grpcCode, details, metadata };
}

/** `FrameError.retry_after_ms` of `code`: 0 where sending the frame again does not help. */
export function retryAfterMs(code: ErrorCode): number {
  return describeError(code).retry ? RETRY_AFTER_MS : 0;
}

/** What a caller without the right is told. */
export function explainDenial(
  code: Extract<ErrorCode, 'unauthenticated' | 'permission_denied'>,
  right: string,
): string {
  return code === 'unauthenticated'
    ? `expected metadata "authorization: Bearer <token>" with a token that may ${right}`
    : `this token has no right to ${right}`;
}
