/** What is written of raw pixels beside their bytes, so that they can be read again: `application/x-raw; format=MONO8; …`. */

import type { RawImage } from './frame.ts';
import { PIXEL_FORMATS } from './pixel-format.ts';

const WRITTEN = /^application\/x-raw; format=([A-Z0-9_]+); width=(\d+); height=(\d+); stride=(\d+)$/;

export function rawMediaTypeOf({ format, width, height, stride }: RawImage): string {
  return `application/x-raw; format=${format}; width=${width}; height=${height}; stride=${stride}`;
}

/** The pixels that `mediaType` was written of; null where it speaks of no raw pixels that are known. */
export function rawImageFrom(mediaType: string, bytes: Uint8Array): RawImage | null {
  const [, name, width, height, stride] = WRITTEN.exec(mediaType) ?? [];
  const format = PIXEL_FORMATS.find((known) => known === name);
  if (format === undefined) return null;
  return { kind: 'raw', bytes, format, width: Number(width), height: Number(height), stride: Number(stride) };
}
