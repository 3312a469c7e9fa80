/** The service as the server implements it: what cannot be decoded still arrives, so that it can be answered in words. */

import type {
  Metadata,
  sendUnaryData,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { inspectionPackage, SERVICE_NAME, serviceOf } from '../wire/contract.ts';
import type { WireRequest } from '../wire/request.ts';
import type { responseFrom } from '../wire/response.ts';

/** One message as it came. */
export type Arrival = { readonly bytes: number } & (
  | { readonly kind: 'request'; readonly request: WireRequest | null }
  | { readonly kind: 'malformed'; readonly detail: string }
);

export interface WireFrameError {
  readonly camera_id: string;
  readonly frame_id: string;
  readonly code: string;
  readonly message: string;
  readonly retry_after_ms: number;
}

export interface WireWatchRequest {
  readonly camera_id: string;
  readonly verdict: string | number;
  /** Decimal uint64; absent: from now on. */
  readonly after_ledger_seq?: string;
}

export interface WireGetRequest {
  readonly result_id: string;
  readonly camera_id: string;
  readonly frame_id: string;
}

export type WireResult = ReturnType<typeof responseFrom>;
export type WireStreamResponse = { readonly result: WireResult } | { readonly error: WireFrameError };

export type InspectCall = ServerUnaryCall<Arrival, WireResult>;
export type InspectStreamCall = ServerDuplexStream<Arrival, WireStreamResponse>;
export type WatchCall = ServerWritableStream<WireWatchRequest, WireResult>;
export type GetCall = ServerUnaryCall<WireGetRequest, WireResult>;

export interface Handlers extends UntypedServiceImplementation {
  Inspect(call: InspectCall, callback: sendUnaryData<WireResult>): void;
  InspectStream(call: InspectStreamCall): void;
  WatchResults(call: WatchCall): void;
  GetResult(call: GetCall, callback: sendUnaryData<WireResult>): void;
}

interface WireStreamRequest {
  readonly frame?: WireRequest;
}

export function inspectionService(): ServiceDefinition {
  const loaded = serviceOf(inspectionPackage, SERVICE_NAME);
  const { Inspect, InspectStream } = loaded;
  if (Inspect === undefined || InspectStream === undefined) throw new Error('the contract lost its methods');
  const ofMessage = (message: object) => message as WireRequest;
  const ofStream = (message: object) => (message as WireStreamRequest).frame ?? null;
  return {
    ...loaded,
    Inspect: { ...Inspect, requestDeserialize: arrivalBy(Inspect.requestDeserialize, ofMessage) },
    InspectStream: { ...InspectStream, requestDeserialize: arrivalBy(InspectStream.requestDeserialize, ofStream) },
  };
}

function arrivalBy(decode: (bytes: Buffer) => object, requestIn: (message: object) => WireRequest | null) {
  return (bytes: Buffer): Arrival => {
    try {
      return { kind: 'request', bytes: bytes.byteLength, request: requestIn(decode(bytes)) };
    } catch (error) {
      return { kind: 'malformed', bytes: bytes.byteLength, detail: String(error) };
    }
  };
}

/** The bearer token of a call, or null. */
export function tokenOf(metadata: Metadata): string | null {
  const [value] = metadata.get('authorization');
  return typeof value === 'string' ? (/^Bearer +(\S+)$/i.exec(value)?.[1] ?? null) : null;
}
