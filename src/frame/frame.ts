/** The vocabulary of a frame on its way in. Imports nothing of the stages; every stage speaks it. */

import type { PixelFormat } from './pixel-format.ts';

export type CameraId = string & { readonly brand: 'CameraId' };
export type FrameId = string & { readonly brand: 'FrameId' };

export const TRANSPORTS = ['grpc_unary', 'grpc_stream', 'mqtt', 'http'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Region of interest as fractions of the image, 0..1; `x`,`y` is the upper left corner. */
export interface Roi {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An image file as it came: JPEG, PNG, WebP or TIFF by its first bytes. */
export interface EncodedImage {
  readonly kind: 'encoded';
  readonly bytes: Uint8Array;
}

/** Pixels as they came. `stride` is the bytes from one row to the next (rows may be padded). */
export interface RawImage {
  readonly kind: 'raw';
  readonly bytes: Uint8Array;
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
  readonly stride: number;
}

export type Image = EncodedImage | RawImage;

/** OPC 40100-1 words where they exist. All optional, all strings of at most 128 characters. */
export interface PartIds {
  readonly partId: string | null;
  readonly jobId: string | null;
  readonly productId: string | null;
  readonly measId: string | null;
}

export interface Frame extends PartIds {
  readonly cameraId: CameraId;
  /** Idempotency key within the camera. */
  readonly frameId: FrameId;
  /** The camera's own counter, for gap detection; null where it sends none. int64. */
  readonly sequence: bigint | null;
  /** Milliseconds since 1970 by the camera's clock. */
  readonly capturedAt: number | null;
  /** Recipe asked for; null means the camera's own. */
  readonly recipeId: string | null;
  /** Overrides the recipe's ROI. */
  readonly roi: Roi | null;
  /** The sender's own patience in milliseconds; null means the camera's takt alone decides. */
  readonly maxWaitMs: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly isSimulated: boolean;
  readonly image: Image;
  /** SHA-256 of `image.bytes`, lower-case hex. */
  readonly imageSha256: string;
  readonly transport: Transport;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly receivedAt: number;
  /** The same moment on the monotonic clock (`performance.now()`): all waiting is measured from here. */
  readonly receivedAtMono: number;
}
