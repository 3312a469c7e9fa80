/** The one door: an untrusted request becomes a frame here, or a refusal that says which rule it broke. */

import { createHash } from 'node:crypto';
import type { Frame, FrameId, Image, Roi, Transport } from '../frame/frame.ts';
import {
  cameraIdFrom,
  frameIdFrom,
  frameIdOfContent,
  ID_RULE,
  MAX_CAMERA_ID_LENGTH,
  MAX_FRAME_ID_LENGTH,
} from '../frame/identifiers.ts';
import type { Refusal } from '../frame/verdict.ts';

/** A request as its road understood it; nothing in it is trusted yet. Empty strings count as not supplied. */
export interface FrameDraft {
  readonly cameraId: string;
  /** Null or empty: the frame is named by its content, by what is asked of it and what the camera says of this one picture. */
  readonly frameId: string | null;
  /** 0 or null: the camera counts nothing. */
  readonly sequence: bigint | null;
  /** Milliseconds since 1970. */
  readonly capturedAt: number | null;
  readonly partId: string | null;
  readonly jobId: string | null;
  readonly productId: string | null;
  readonly measId: string | null;
  readonly recipeId: string | null;
  readonly roi: Roi | null;
  /** 0 or null: the camera's takt decides. */
  readonly maxWaitMs: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly isSimulated: boolean;
  readonly image: Image;
}

export interface IntakeLimits {
  readonly maxTags: number;
  /** Characters of a tag's name, and of its value. */
  readonly maxTagLength: number;
}

export const INTAKE_LIMITS: IntakeLimits = { maxTags: 16, maxTagLength: 128 };

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Monotonic milliseconds. */
  mono(): number;
}

export const SYSTEM_CLOCK: Clock = { now: () => Date.now(), mono: () => performance.now() };

export type Intake = { readonly kind: 'frame'; readonly frame: Frame } | Refusal;

/** What a camera says of one picture. */
type Said = Pick<Frame, 'sequence' | 'capturedAt' | 'partId' | 'measId'>;
type Asked = Pick<Frame, 'recipeId' | 'roi'>;

const MAX_TEXT_LENGTH = 128;
const MAX_SEQUENCE = 2n ** 63n - 1n;
const EARLIEST_CAPTURE = Date.UTC(2000, 0, 1);
const LATEST_CAPTURE = Date.UTC(2100, 0, 1);
/** Control characters, lone surrogates and line separators: what would forge a log line or fail to encode. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A value that is not as it should be: what was expected, and what came. Never leaves a stage's door: it becomes a refusal there. */
export class BrokenRule extends Error {}

/**
 * `draft` as a frame received now.
 * @returns the frame, or a refusal `invalid_request` that says the rule and what came
 */
export function takeIn(
  draft: FrameDraft,
  transport: Transport,
  clock: Clock = SYSTEM_CLOCK,
  limits: IntakeLimits = INTAKE_LIMITS,
): Intake {
  const receivedAt = clock.now();
  const receivedAtMono = clock.mono();
  try {
    const { image } = draft;
    const cameraId = cameraIdFrom(draft.cameraId);
    if (cameraId === null) throw brokenId('camera_id', MAX_CAMERA_ID_LENGTH, draft.cameraId);
    const given = draft.frameId === null || draft.frameId === '' ? null : draft.frameId;
    const named = given === null ? null : frameIdFrom(given);
    if (given !== null && named === null) throw brokenId('frame_id', MAX_FRAME_ID_LENGTH, given);
    if (image.bytes.byteLength === 0) throw new BrokenRule('expected an image, got 0 bytes');
    const fields = {
      sequence: sequenceFrom(draft.sequence),
      capturedAt: capturedAtFrom(draft.capturedAt),
      partId: textFrom('part_id', draft.partId),
      jobId: textFrom('job_id', draft.jobId),
      productId: textFrom('product_id', draft.productId),
      measId: textFrom('meas_id', draft.measId),
      recipeId: textFrom('recipe_id', draft.recipeId),
      roi: roiFrom(draft.roi),
      maxWaitMs: maxWaitFrom(draft.maxWaitMs),
      tags: tagsFrom(draft.tags, limits),
    };
    const imageSha256 = sha256(image.bytes);
    const frameId = named ?? unnamedId(imageSha256, fields);
    const { isSimulated } = draft;
    return {
      kind: 'frame',
      frame: { cameraId, frameId, ...fields, isSimulated, image, imageSha256, transport, receivedAt, receivedAtMono },
    };
  } catch (error) {
    if (!(error instanceof BrokenRule)) throw error;
    return invalidRequest(error.message);
  }
}

/**
 * The id of a frame that came without one. A redelivery says the same of the same picture and is recognised; a frozen camera says
 * other things of it, and its parts must not get the verdict of the first.
 */
function unnamedId(imageSha256: string, said: Said & Asked): FrameId {
  const { sequence, capturedAt, partId, measId } = said;
  const question = questionOf(imageSha256, said);
  if (sequence === null && capturedAt === null && partId === null && measId === null) return frameIdOfContent(question);
  const name = JSON.stringify([question, sequence === null ? null : String(sequence), capturedAt, partId, measId]);
  return `shot-${sha256(name).slice(0, 40)}` as FrameId;
}

/** Whether nothing but its picture, and what is asked of it, names this frame. */
export function isNamedByPicture(frame: Pick<Frame, 'frameId' | 'imageSha256'> & Asked): boolean {
  return frame.frameId === frameIdOfContent(questionOf(frame.imageSha256, frame));
}

/** The picture and what is asked of it: what one recipe says of one region answers no other question. */
function questionOf(imageSha256: string, { recipeId, roi }: Asked): string {
  return recipeId === null && roi === null ? imageSha256 : sha256(JSON.stringify([imageSha256, recipeId, roi]));
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function invalidRequest(message: string): Refusal {
  return { kind: 'refused', code: 'invalid_request', message };
}

/** `value` as it may stand in a message: quoted, escaped, short. */
export function quote(value: string): string {
  return value.length <= 48
    ? JSON.stringify(value)
    : `${JSON.stringify(value.slice(0, 48))}… (${value.length} characters)`;
}

function brokenId(field: string, maxLength: number, value: string): BrokenRule {
  return new BrokenRule(`${field} must be 1 to ${maxLength} characters: ${ID_RULE}; got ${quote(value)}`);
}

function textFrom(field: string, value: string | null, maxLength = MAX_TEXT_LENGTH): string | null {
  if (value === null || value === '') return null;
  if (value.length > maxLength || UNPRINTABLE.test(value)) {
    throw new BrokenRule(`${field} must be at most ${maxLength} printable characters, got ${quote(value)}`);
  }
  return value;
}

function sequenceFrom(value: bigint | null): bigint | null {
  if (value === null || value === 0n) return null;
  if (value < 0n || value > MAX_SEQUENCE) throw new BrokenRule(`sequence must be 1 to 2^63-1, got ${value}`);
  return value;
}

function capturedAtFrom(value: number | null): number | null {
  if (value === null) return null;
  if (value >= EARLIEST_CAPTURE && value < LATEST_CAPTURE) return Math.round(value);
  throw new BrokenRule(`captured_at must lie in the years 2000 to 2099, got ${dateText(value)}`);
}

function dateText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** A region outside the image has an identity and is recorded as `roi_outside_image`; only what is no number is refused. */
function roiFrom(roi: Roi | null): Roi | null {
  if (roi === null) return null;
  const { x, y, width, height } = roi;
  if ([x, y, width, height].every(Number.isFinite)) return { x, y, width, height };
  throw new BrokenRule(`roi must be four finite numbers, got x=${x} y=${y} width=${width} height=${height}`);
}

function maxWaitFrom(value: number | null): number | null {
  if (value === null || value === 0) return null;
  if (Number.isFinite(value) && value > 0) return value;
  throw new BrokenRule(`max_wait_ms must be a positive number of milliseconds, got ${value}`);
}

function tagsFrom(tags: Readonly<Record<string, string>>, limits: IntakeLimits): Readonly<Record<string, string>> {
  const entries = Object.entries(tags);
  if (entries.length > limits.maxTags) {
    throw new BrokenRule(`tags must be at most ${limits.maxTags}, got ${entries.length}`);
  }
  for (const [name, value] of entries) {
    // A plain assignment of this name, anywhere downstream, would set a prototype and not a tag.
    if (name === '' || name === '__proto__') throw new BrokenRule(`a tag must have a usable name, got ${quote(name)}`);
    textFrom('a tag name', name, limits.maxTagLength);
    textFrom(`tag ${quote(name)}`, value, limits.maxTagLength);
  }
  return Object.fromEntries(entries);
}
