/** Everything that an auditor needs to believe one result, gathered and checked now. */

import { createHash } from 'node:crypto';
import { messageOf } from '../errors.ts';
import { encodeJpeg } from '../demo/jpeg.ts';
import { decode } from '../engine/decode.ts';
import type { Image } from '../frame/frame.ts';
import type { HeatMap } from '../frame/heat-map.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import { checkImage } from '../ingest/image-check.ts';
import type { ChainProof, Review } from '../record/contract.ts';
import type { Replayed } from './replay.ts';
import { type PictureStore, storedPicture } from './stored-picture.ts';

export interface ProofSources {
  readonly store: PictureStore;
  /** Whether pictures may be decoded in this process, for a preview. Never in a service: a picture may be made to break a decoder. */
  readonly mayDecode: boolean;
  chainProof(resultId: string): Promise<ChainProof | null>;
  reviewsOf(resultId: string): Promise<readonly Review[]>;
  replay(result: RecordedResult): Promise<Replayed>;
  /** Rejects where there can be none; its message says why. */
  heatMap(result: RecordedResult): Promise<HeatMap>;
}

export interface ProvenPicture {
  /** `data:` address. */
  readonly url: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** False: shown smaller or in another format than it was received in; the hash is of what was received. */
  readonly isOriginal: boolean;
}

export interface Proof {
  readonly result: RecordedResult;
  readonly chain: ChainProof;
  readonly picture: ProvenPicture | null;
  /** Of the file as it lies in the store now; null where it is not there. */
  readonly pictureSha256: string | null;
  /** Why there is no picture; null where there is one. */
  readonly pictureFault: string | null;
  readonly heatMap: HeatMap | null;
  readonly heatMapFault: string | null;
  readonly replayed: Replayed | { readonly kind: 'failed'; readonly detail: string };
  readonly reviews: readonly Review[];
}

/** A larger file is shown smaller: the sheet is to be sent by mail. */
const MAX_EMBEDDED_BYTES = 4 * 1024 * 1024;
const PREVIEW_EDGE = 1024;
const MAX_PIXELS = 1 << 28;
const NOT_SHOWN =
  'it is too large, or of a kind that no browser shows; `loupe proof` makes a preview of it where it can';
const SHOWN_BY_BROWSERS: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/webp']);

export async function proofOf(result: RecordedResult, sources: ProofSources): Promise<Proof> {
  const chain = await sources.chainProof(result.resultId);
  if (chain === null) throw new Error(`row ${result.ledgerSeq} is gone`);
  const stored = await storedPicture(sources.store, result);
  const image = stored.kind === 'picture' ? stored.image : null;
  const [picture, replayed, heatMap, reviews] = [
    image === null ? null : await pictureOf(image, result.imageMediaType, sources.mayDecode),
    await sources.replay(result).catch((error: unknown) => ({ kind: 'failed', detail: messageOf(error) }) as const),
    await sources.heatMap(result).catch((error: unknown) => messageOf(error)),
    await sources.reviewsOf(result.resultId),
  ];
  return {
    result,
    chain,
    picture,
    pictureSha256: image === null ? null : createHash('sha256').update(image.bytes).digest('hex'),
    pictureFault: stored.kind !== 'picture' ? stored.detail : picture === null ? NOT_SHOWN : null,
    heatMap: typeof heatMap === 'string' ? null : heatMap,
    heatMapFault: typeof heatMap === 'string' ? heatMap : null,
    replayed,
    reviews,
  };
}

/** As it was received where a browser can show it, else a preview; null where neither can be had. */
async function pictureOf(image: Image, mediaType: string, mayDecode: boolean): Promise<ProvenPicture | null> {
  const checked = checkImage(image, { maxBytes: Number.MAX_SAFE_INTEGER, maxPixels: MAX_PIXELS });
  if (!checked.ok) return null;
  const { width, height } = checked;
  if (SHOWN_BY_BROWSERS.has(mediaType) && image.bytes.length <= MAX_EMBEDDED_BYTES) {
    return { url: dataUrl(mediaType, image.bytes), width, height, isOriginal: true };
  }
  if (!mayDecode) return null;
  const scale = Math.min(1, PREVIEW_EDGE / Math.max(width, height));
  const [columns, rows] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const want = { width: columns, height: rows, colour: 'RGB', fit: 'fill', kernel: 'linear' } as const;
  const decoded = await decode(image, want, null, { maxPixels: MAX_PIXELS });
  if (!decoded.ok) return null;
  const jpeg = await encodeJpeg(decoded.pixels, columns, 90, rows);
  return { url: dataUrl('image/jpeg', jpeg), width: columns, height: rows, isOriginal: false };
}

const dataUrl = (mediaType: string, bytes: Uint8Array) =>
  `data:${mediaType};base64,${Buffer.from(bytes).toString('base64')}`;
