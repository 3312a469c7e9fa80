/** Is this an image that can be inspected at all? Answered from its header, so that nothing large is ever decoded to find out. */

import type { UninspectedReason } from '../errors.ts';
import type { Image, RawImage } from '../frame/frame.ts';
import { IMAGE_TYPES } from '../frame/image-type.ts';
import { bytesPerRow } from '../frame/pixel-format.ts';
import { rawMediaTypeOf } from '../frame/raw-media-type.ts';
import { pictureBehind } from '../frame/image-header/behind.ts';
import { readHeader } from '../frame/image-header/dimensions.ts';
import type { Dimensions } from '../frame/image-header/header-reader.ts';

export interface ImageLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
}

export type ImageCheck =
  | { readonly ok: true; readonly mediaType: string; readonly width: number; readonly height: number }
  | {
      readonly ok: false;
      readonly mediaType: string;
      readonly reason: Extract<UninspectedReason, 'bad_image' | 'unsupported_format' | 'image_too_large'>;
      /** What was expected and what came. */
      readonly detail: string;
    };

const MAX_EDGE = 65_535;

/** Never throws, whatever the bytes. `mediaType` is told from the bytes, not from what the sender said. */
export function checkImage(image: Image, limits: ImageLimits): ImageCheck {
  return image.kind === 'raw' ? checkRaw(image, limits) : checkFile(image.bytes, limits);
}

function checkFile(bytes: Uint8Array, limits: ImageLimits): ImageCheck {
  const { type, dimensions } = readHeader(bytes);
  const mediaType = type ?? 'application/octet-stream';
  const refuse = refuserOf(mediaType);
  if (bytes.length === 0) return refuse('bad_image', 'expected an image, got no bytes');
  const oversize = tooManyBytes(bytes, limits);
  if (oversize !== null) return refuse('image_too_large', oversize);
  if (type === null) {
    return refuse('unsupported_format', `expected ${IMAGE_TYPES.join(', ')}, got bytes starting ${startOf(bytes)}`);
  }
  if (dimensions === null) return refuse('bad_image', `expected the header of ${type}, got a broken or cut-off one`);
  const tooLarge = tooManyPixels(dimensions, limits);
  if (tooLarge !== null) return refuse('image_too_large', tooLarge);
  const behind = pictureBehind(type, bytes);
  if (behind !== null) return refuse('bad_image', `expected one picture, got another one behind it, at byte ${behind}`);
  return { ok: true, mediaType, width: dimensions.width, height: dimensions.height };
}

function checkRaw(image: RawImage, limits: ImageLimits): ImageCheck {
  const { bytes, format, width, height, stride } = image;
  const refuse = refuserOf(rawMediaTypeOf(image));
  if (!isEdge(width) || !isEdge(height)) {
    return refuse('bad_image', `expected a width and height of 1 to ${MAX_EDGE}, got ${width}x${height}`);
  }
  const oversize = tooManyBytes(bytes, limits) ?? tooManyPixels({ width, height }, limits);
  if (oversize !== null) return refuse('image_too_large', oversize);
  const row = bytesPerRow(format, width);
  if (!Number.isSafeInteger(stride) || stride < row) {
    return refuse(
      'bad_image',
      `expected a stride of at least ${row} bytes for ${width} pixels of ${format}, got ${stride}`,
    );
  }
  const least = stride * (height - 1) + row;
  if (bytes.length < least) {
    return refuse(
      'bad_image',
      `expected at least ${least} bytes for ${width}x${height} ${format}, got ${bytes.length}`,
    );
  }
  const most = stride * height;
  if (bytes.length > most) {
    return refuse(
      'bad_image',
      `expected at most ${most} bytes for ${width}x${height} ${format} with a stride of ${stride}, got ${bytes.length}`,
    );
  }
  return { ok: true, mediaType: rawMediaTypeOf(image), width, height };
}

function refuserOf(mediaType: string) {
  return (reason: Extract<ImageCheck, { ok: false }>['reason'], detail: string): ImageCheck => ({
    ok: false,
    mediaType,
    reason,
    detail,
  });
}

const isEdge = (pixels: number) => Number.isInteger(pixels) && pixels >= 1 && pixels <= MAX_EDGE;

function tooManyBytes(bytes: Uint8Array, { maxBytes }: ImageLimits): string | null {
  return bytes.length > maxBytes ? `expected at most ${maxBytes} bytes, got ${bytes.length}` : null;
}

function tooManyPixels({ width, height }: Dimensions, { maxPixels }: ImageLimits): string | null {
  return width * height > maxPixels ? `expected at most ${maxPixels} pixels, got ${width}x${height}` : null;
}

function startOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 8)).toString('hex');
}
