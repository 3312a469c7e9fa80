/** Packed pixels on disk, as a training script reads them: pixels.bin, masks.bin, labels.csv, dataset.json. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';

export interface PackedDataset {
  readonly count: number;
  /** SHA-256 of pixels.bin, lower-case hex. */
  readonly sha256: string;
}

export class PackWriter {
  private readonly folder: string;
  private readonly hash = createHash('sha256');
  private readonly labels: (readonly (string | number)[])[] = [];
  private pixels: WriteStream | undefined;
  private masks: WriteStream | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  async start(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    // Of what was packed here before: it would describe pixels that are not there any more.
    await rm(path.join(this.folder, 'dataset.json'), { force: true });
    this.pixels = createWriteStream(path.join(this.folder, 'pixels.bin'));
    this.masks = createWriteStream(path.join(this.folder, 'masks.bin'));
  }

  /**
   * @param pixels uint8 HWC, the same size for every image
   * @param mask uint8 [cells, cells], or empty where the dataset has none
   * @param label the image's row of labels.csv, without its index
   */
  async add(pixels: Uint8Array, mask: Uint8Array, label: readonly (string | number)[]): Promise<void> {
    if (this.pixels === undefined || this.masks === undefined) throw new Error('the pack is not open');
    this.hash.update(pixels);
    if (!this.pixels.write(pixels)) await once(this.pixels, 'drain');
    if (!this.masks.write(mask)) await once(this.masks, 'drain');
    this.labels.push([this.labels.length, ...label]);
  }

  /**
   * @param columns of labels.csv, without the index
   * @param meta the rest of dataset.json: what the pixels are
   */
  async finish<M extends object>(columns: readonly string[], meta: M): Promise<PackedDataset & M> {
    if (this.pixels === undefined || this.masks === undefined) throw new Error('the pack is not open');
    this.pixels.end();
    this.masks.end();
    await Promise.all([finished(this.pixels), finished(this.masks)]);
    const whole = {
      schema: 'loupe.dataset/1',
      count: this.labels.length,
      ...meta,
      /** SHA-256 of pixels.bin. */
      sha256: this.hash.digest('hex'),
    };
    await writeFile(path.join(this.folder, 'labels.csv'), stringify([['index', ...columns], ...this.labels]));
    await writeFile(path.join(this.folder, 'dataset.json'), `${JSON.stringify(whole, null, 2)}\n`);
    return whole;
  }
}
