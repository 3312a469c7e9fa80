/**
 * The one table of everything that can go wrong with a frame, and what each road says about it.
 *
 * Two kinds share it, told apart by `recorded`:
 * - recorded: the frame was received, could not be inspected, and stands in the ledger as UNINSPECTED with
 *   this code as its reason. Sending it again under the same id returns that same record.
 * - not recorded: nothing stands in the ledger under this id. Where `retry` is set, send the frame again.
 *
 * docs/errors.md describes each code; a test holds the two together, both ways. Codes are never reused.
 */

/** gRPC status numbers (google.rpc.Code), spelled out so that this file needs no gRPC. */
export const GRPC = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

interface ErrorRow {
  readonly grpc: keyof typeof GRPC;
  readonly http: number;
  readonly retry: boolean;
  readonly recorded: boolean;
}

const refusal = (grpc: ErrorRow['grpc'], http: number, retry = false) =>
  ({ grpc, http, retry, recorded: false }) as const;
const reason = (grpc: ErrorRow['grpc'], http: number) => ({ grpc, http, retry: false, recorded: true }) as const;

export const ERRORS = {
  // The request names no frame that Loupe could record.
  invalid_request: refusal('INVALID_ARGUMENT', 400),
  unknown_camera: refusal('NOT_FOUND', 404),
  too_many_cameras: refusal('RESOURCE_EXHAUSTED', 429),
  rate_limited: refusal('RESOURCE_EXHAUSTED', 429, true),
  frame_id_conflict: refusal('ALREADY_EXISTS', 409),
  message_too_large: refusal('RESOURCE_EXHAUSTED', 413),
  result_not_found: refusal('NOT_FOUND', 404),
  // What is asked about a result's making.
  not_replayable: refusal('FAILED_PRECONDITION', 409),
  busy: refusal('RESOURCE_EXHAUSTED', 503, true),
  // What is asked about models.
  model_not_found: refusal('NOT_FOUND', 404),
  model_exists: refusal('ALREADY_EXISTS', 409),
  model_in_use: refusal('FAILED_PRECONDITION', 409),
  model_refused: refusal('FAILED_PRECONDITION', 422),
  // What is asked about recipes and their cuts.
  recipe_not_found: refusal('NOT_FOUND', 404),
  cuts_changed: refusal('FAILED_PRECONDITION', 409),
  // What is asked about people.
  user_not_found: refusal('NOT_FOUND', 404),
  user_exists: refusal('ALREADY_EXISTS', 409),
  user_refused: refusal('FAILED_PRECONDITION', 409),
  too_many_attempts: refusal('RESOURCE_EXHAUSTED', 429, true),
  unauthenticated: refusal('UNAUTHENTICATED', 401),
  permission_denied: refusal('PERMISSION_DENIED', 403),
  // The service cannot record now.
  store_unavailable: refusal('UNAVAILABLE', 503, true),
  shutting_down: refusal('UNAVAILABLE', 503, true),
  internal: refusal('INTERNAL', 500, true),

  // The frame itself cannot be inspected. A unary gRPC call answers these with the status named here.
  bad_image: reason('INVALID_ARGUMENT', 422),
  unsupported_format: reason('INVALID_ARGUMENT', 415),
  image_too_large: reason('INVALID_ARGUMENT', 413),
  roi_outside_image: reason('INVALID_ARGUMENT', 422),
  roi_too_small: reason('INVALID_ARGUMENT', 422),
  unknown_recipe: reason('INVALID_ARGUMENT', 422),
  // The service could not inspect it. Answered in time as a verdict like any other.
  queue_full: reason('OK', 200),
  deadline_exceeded: reason('OK', 200),
  cancelled: reason('OK', 200),
  draining: reason('OK', 200),
  engine_unavailable: reason('OK', 200),
  engine_failed: reason('OK', 200),
  model_output_invalid: reason('OK', 200),
  frozen_camera: reason('OK', 200),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Why a recorded frame is UNINSPECTED. */
export type UninspectedReason = {
  [C in ErrorCode]: (typeof ERRORS)[C] extends { recorded: true } ? C : never;
}[ErrorCode];

/** Why a request left nothing in the ledger. */
export type RefusalCode = Exclude<ErrorCode, UninspectedReason>;

export const ERROR_CODES = Object.keys(ERRORS) as readonly ErrorCode[];

const rows: Readonly<Record<ErrorCode, ErrorRow>> = ERRORS;

export const UNINSPECTED_REASONS = ERROR_CODES.filter((code) => rows[code].recorded) as readonly UninspectedReason[];

/** How each road reports `code`: gRPC status name and number, HTTP status, whether a retry can help. */
export function describeError(code: ErrorCode): ErrorRow & { readonly grpcCode: number } {
  const row = rows[code];
  return { ...row, grpcCode: GRPC[row.grpc] };
}

/** After how long a retry of a refused request makes sense, in milliseconds. */
export const RETRY_AFTER_MS = 1000;

/** The one error class of the service: a code of the table, and a message that says what was expected and what came. */
export class LoupeError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LoupeError';
    this.code = code;
  }
}

/** `error` as a LoupeError: itself, or an `internal` one that keeps it as its cause. */
export function asLoupeError(error: unknown): LoupeError {
  if (error instanceof LoupeError) return error;
  return new LoupeError('internal', messageOf(error), { cause: error });
}

/** Whatever was thrown, in its own words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For the `catch` of what reads a file or a folder: null where it is not there. @throws every other error */
export function nullIfMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
