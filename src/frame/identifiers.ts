/** Ids are data, never code: one strict rule at the door makes them safe as path, topic, label and SQL value. */

import type { CameraId, FrameId } from './frame.ts';

/** As a regular expression of ECMA-262. */
export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]*$';
const ID = new RegExp(ID_PATTERN);
export const MAX_CAMERA_ID_LENGTH = 64;
export const MAX_FRAME_ID_LENGTH = 128;

export const ID_RULE = 'letters, digits, ".", "_" and "-", starting with a letter or digit';

/** `value` as a camera id (at most 64 characters), or null. */
export function cameraIdFrom(value: string): CameraId | null {
  return value.length <= MAX_CAMERA_ID_LENGTH && ID.test(value) ? (value as CameraId) : null;
}

/** `value` as a frame id (at most 128 characters), or null. */
export function frameIdFrom(value: string): FrameId | null {
  return value.length <= MAX_FRAME_ID_LENGTH && ID.test(value) ? (value as FrameId) : null;
}

/** The id of a frame of which nothing is known but its picture: a redelivery is recognised as the same frame. `sha256`: lower-case hex. */
export function frameIdOfContent(sha256: string): FrameId {
  return `sha256-${sha256.slice(0, 40)}` as FrameId;
}
