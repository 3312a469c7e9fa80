/** `inspection.v1.InspectRequest` ⇄ FrameDraft. */

import type { Image } from '../../frame/frame.ts';
import { bytesPerRow, PIXEL_FORMATS, type PixelFormat } from '../../frame/pixel-format.ts';
import type { Refusal } from '../../frame/verdict.ts';
import { type FrameDraft, invalidRequest } from '../intake.ts';
import { inspectionPackage, messageOf } from './contract.ts';
import { millisecondsFrom, timestampFrom, type WireTimestamp } from './timestamp.ts';

/** As the decoder gives it: every field present, 64-bit numbers in decimal, enums by name where known. */
export interface WireRequest {
  readonly camera_id: string;
  readonly frame_id: string;
  readonly sequence: string;
  readonly captured_at: WireTimestamp | null;
  readonly encoded?: Buffer;
  readonly raw?: WireRawImage;
  readonly part_id: string;
  readonly job_id: string;
  readonly recipe_id: string;
  readonly product_id: string;
  readonly meas_id: string;
  readonly roi: { readonly x: number; readonly y: number; readonly width: number; readonly height: number } | null;
  readonly max_wait_ms: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly is_simulated: boolean;
}

interface WireRawImage {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly format: string | number;
  readonly data: Buffer;
}

export type DecodedRequest = { readonly kind: 'draft'; readonly draft: FrameDraft } | Refusal;

const inspectRequest = messageOf(inspectionPackage, 'inspection.v1.InspectRequest');
const NO_IMAGE: Image = { kind: 'encoded', bytes: new Uint8Array(0) };

/**
 * @param bytes an `InspectRequest` in protobuf; the draft's image stays a view of them
 * @returns the draft, or a refusal `invalid_request` where the bytes are no such message
 */
export function decodeInspectRequest(bytes: Uint8Array): DecodedRequest {
  let message: WireRequest;
  try {
    message = inspectRequest.decode(bytes) as WireRequest;
  } catch (error) {
    return invalidRequest(
      `expected an InspectRequest in protobuf, got ${bytes.byteLength} other bytes: ${String(error)}`,
    );
  }
  return draftFrom(message);
}

export function draftFrom(message: WireRequest): DecodedRequest {
  const image = imageFrom(message);
  if (image.kind === 'refused') return image;
  return {
    kind: 'draft',
    draft: {
      cameraId: message.camera_id,
      frameId: message.frame_id,
      sequence: BigInt(message.sequence),
      capturedAt: millisecondsFrom(message.captured_at),
      partId: message.part_id,
      jobId: message.job_id,
      productId: message.product_id,
      measId: message.meas_id,
      recipeId: message.recipe_id,
      roi: message.roi,
      maxWaitMs: message.max_wait_ms,
      tags: message.tags,
      isSimulated: message.is_simulated,
      image,
    },
  };
}

/** `draft` as the message a client sends, ready for the encoder. */
export function requestFrom(draft: FrameDraft): object {
  const { image } = draft;
  return {
    camera_id: draft.cameraId,
    frame_id: draft.frameId ?? '',
    sequence: String(draft.sequence ?? 0n),
    captured_at: timestampFrom(draft.capturedAt),
    ...(image.kind === 'encoded'
      ? { encoded: image.bytes }
      : {
          raw: {
            width: image.width,
            height: image.height,
            stride: image.stride,
            format: image.format,
            data: image.bytes,
          },
        }),
    part_id: draft.partId ?? '',
    job_id: draft.jobId ?? '',
    recipe_id: draft.recipeId ?? '',
    product_id: draft.productId ?? '',
    meas_id: draft.measId ?? '',
    roi: draft.roi,
    max_wait_ms: Math.round(draft.maxWaitMs ?? 0),
    tags: draft.tags,
    is_simulated: draft.isSimulated,
  };
}

export function encodeInspectRequest(draft: FrameDraft): Buffer {
  return inspectRequest.encode(requestFrom(draft));
}

function imageFrom(message: WireRequest): Image | Refusal {
  if (message.raw !== undefined) {
    const { width, height, stride, format, data } = message.raw;
    if (!isPixelFormat(format)) {
      return invalidRequest(`raw.format must be one of ${PIXEL_FORMATS.join(', ')}; got ${format}`);
    }
    return {
      kind: 'raw',
      bytes: data,
      format,
      width,
      height,
      stride: stride === 0 ? bytesPerRow(format, width) : stride,
    };
  }
  return message.encoded === undefined ? NO_IMAGE : { kind: 'encoded', bytes: message.encoded };
}

function isPixelFormat(format: string | number): format is PixelFormat {
  return (PIXEL_FORMATS as readonly (string | number)[]).includes(format);
}
