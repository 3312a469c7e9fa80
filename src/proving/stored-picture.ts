/** The picture of a recorded result, read back from the store and compared with what was recorded of it. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../errors.ts';
import type { Image } from '../frame/frame.ts';
import { rawImageFrom } from '../frame/raw-media-type.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { Fate } from '../record/image-fate.ts';

export type StoredPicture =
  | { readonly kind: 'picture'; readonly image: Image }
  /** As it should be: nothing is there to be read. */
  | { readonly kind: 'none'; readonly why: 'image_not_kept' | 'image_removed'; readonly detail: string }
  /** Not as it should be. */
  | { readonly kind: 'damaged'; readonly why: 'image_missing' | 'image_altered'; readonly detail: string };

/** A store whose pictures can be read. */
export interface PictureStore {
  /** Folder of the store. */
  readonly path: string;
  fateOf(ledgerSeq: number): Promise<Fate>;
}

export async function storedPicture(store: PictureStore, result: RecordedResult): Promise<StoredPicture> {
  const { imagePath, imageSha256, imageMediaType, ledgerSeq } = result;
  if (imagePath === null) {
    return { kind: 'none', why: 'image_not_kept', detail: 'its image was not kept (store.images.keep)' };
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path.join(store.path, 'images', imagePath));
  } catch (error) {
    if ((await store.fateOf(ledgerSeq)) === 'removed') {
      return { kind: 'none', why: 'image_removed', detail: 'retention took its image' };
    }
    const why = messageOf(error);
    return { kind: 'damaged', why: 'image_missing', detail: `${imagePath}: ${why}` };
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== imageSha256) {
    const detail = `${imagePath}: expected SHA-256 ${imageSha256}, the file has ${sha256}`;
    return { kind: 'damaged', why: 'image_altered', detail };
  }
  const raw = rawImageFrom(imageMediaType, bytes);
  return { kind: 'picture', image: raw ?? { kind: 'encoded', bytes } };
}
