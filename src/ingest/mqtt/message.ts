/** A published message as a draft of a frame: what stands in topic, properties and payload. */

import type { CameraId, Image } from '../../frame/frame.ts';
import { bytesPerRow, PIXEL_FORMATS } from '../../frame/pixel-format.ts';
import type { Refusal } from '../../frame/verdict.ts';
import { BrokenRule, type FrameDraft, invalidRequest, quote } from '../intake.ts';
import { namedValues } from '../named-values.ts';
import { decodeInspectRequest } from '../wire/request.ts';
import type { InTopic } from './topics.ts';

/** One PUBLISH as either broker hands it over; `properties` is null on MQTT 3.1.1. */
export interface Publish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  /** The DUP flag: it was sent before, and its sender has no acknowledgement of it. */
  readonly isRepeat: boolean;
  readonly properties: PublishProperties | null;
}

export interface PublishProperties {
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  /** A name that came more than once has a list of values. */
  readonly userProperties?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

export type Drafted = { readonly kind: 'draft'; readonly draft: FrameDraft } | Refusal;

const TAG_PREFIX = 'tag-';
const RAW_TYPE = 'application/x-raw';
const MAX_DIMENSION = 2 ** 31 - 1;

/** @returns the draft, or a refusal `invalid_request` that says what was expected and what came */
export function draftOf(publish: Publish, topic: InTopic): Drafted {
  return topic.kind === 'request' ? requestDraft(publish.payload, topic.cameraId) : frameDraft(publish, topic);
}

function requestDraft(payload: Uint8Array, cameraId: CameraId): Drafted {
  const decoded = decodeInspectRequest(payload);
  if (decoded.kind === 'refused') return decoded;
  const { draft } = decoded;
  if (draft.cameraId !== '' && draft.cameraId !== cameraId) {
    return invalidRequest(`expected camera_id ${cameraId} as in the topic, or none; got ${quote(draft.cameraId)}`);
  }
  return { kind: 'draft', draft: { ...draft, cameraId } };
}

function frameDraft({ payload, properties }: Publish, topic: InTopic & { readonly kind: 'frame' }): Drafted {
  const given = properties?.userProperties ?? {};
  const text = (name: string) => onlyValue(given, name);
  try {
    const frameId = text('frame-id');
    if (frameId !== null && topic.frameId !== null && frameId !== topic.frameId) {
      throw new BrokenRule(`expected frame-id ${topic.frameId} as in the topic, got ${quote(frameId)}`);
    }
    return {
      kind: 'draft',
      draft: {
        cameraId: topic.cameraId,
        frameId: topic.frameId ?? frameId,
        ...namedValues(text, '-'),
        roi: null,
        tags: tagsFrom(given),
        image: imageFrom(payload, properties?.contentType ?? ''),
      },
    };
  } catch (error) {
    if (!(error instanceof BrokenRule)) throw error;
    return invalidRequest(error.message);
  }
}

function onlyValue(given: Readonly<Record<string, string | readonly string[]>>, name: string): string | null {
  const value = Object.hasOwn(given, name) ? given[name] : undefined;
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string') throw new BrokenRule(`expected ${name} once, got it ${value.length} times`);
  return value;
}

function tagsFrom(given: Readonly<Record<string, string | readonly string[]>>): Readonly<Record<string, string>> {
  const names = Object.keys(given).filter((name) => name.startsWith(TAG_PREFIX));
  return Object.fromEntries(names.map((name) => [name.slice(TAG_PREFIX.length), onlyValue(given, name) ?? '']));
}

/** Only raw pixels need a content type; an image file is known by its first bytes, whatever somebody wrote. */
function imageFrom(bytes: Uint8Array, contentType: string): Image {
  const [type = '', ...rest] = contentType.split(';').map((part) => part.trim());
  if (type.toLowerCase() !== RAW_TYPE) return { kind: 'encoded', bytes };
  const given = new Map(
    rest.map((part) => [part.split('=', 1)[0]?.trim() ?? '', part.slice(part.indexOf('=') + 1).trim()]),
  );
  const format = PIXEL_FORMATS.find((known) => known === given.get('format'));
  if (format === undefined) {
    throw new BrokenRule(`expected format=${PIXEL_FORMATS.join('|')}, got ${quote(given.get('format') ?? '')}`);
  }
  const width = dimensionFrom('width', given.get('width'));
  const height = dimensionFrom('height', given.get('height'));
  const stride = given.has('stride') ? dimensionFrom('stride', given.get('stride')) : bytesPerRow(format, width);
  return { kind: 'raw', bytes, format, width, height, stride };
}

function dimensionFrom(name: string, value: string | undefined): number {
  const number = value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= MAX_DIMENSION) return number;
  throw new BrokenRule(`expected ${name} as a positive whole number in the content type, got ${quote(value ?? '')}`);
}
