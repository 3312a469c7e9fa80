/** A labelled folder to packed pixels, through whatever decodes for serving. */

import { messageOf } from '../errors.ts';
import { type LabelledFolder, LabelledFolderError } from './labelled-folder.ts';
import { type PackedDataset, PackWriter } from './pack-writer.ts';

/** Cells of masks.bin along each edge, at most: a crack is a pixel wide, and a training script cuts defects out along them. */
const MASK_CELLS = 64;

export interface PixelSource {
  /** uint8 HWC of one file of the folder. @throws when it cannot be decoded */
  pixels(file: string): Promise<Uint8Array>;
  /** uint8 [height, width] of the mask of an image, in the size of the pixels. @throws when it cannot be decoded or does not lie over the image */
  mask(file: string, image: string): Promise<Uint8Array>;
}

export interface PixelShape {
  readonly width: number;
  readonly height: number;
}

/**
 * Packs every image; one that cannot be decoded ends it, with its name, and leaves no dataset.json.
 * @param shape of the pixels that `source` gives
 * @param meta what dataset.json says of the pixels: at least `width`, `height`, `colour`, `fit`, `kernel`
 */
export async function packFolder<M extends PixelShape>(
  folder: LabelledFolder,
  out: string,
  source: PixelSource,
  meta: M,
  onImage: (done: number) => void,
): Promise<PackedDataset & M & { readonly maskCells: number; readonly ng: number; readonly groups: number }> {
  const writer = new PackWriter(out);
  await writer.start();
  const maskCells = Math.min(MASK_CELLS, meta.width, meta.height);
  const grid = { rows: maskCells, columns: maskCells };
  for (const [i, image] of folder.images.entries()) {
    try {
      const mask = image.mask === null ? null : await source.mask(image.mask, image.file);
      const cells = mask === null ? new Uint8Array(maskCells * maskCells) : cellsOf(mask, meta, grid);
      const label = [image.file, image.isDefective ? 'NG' : 'OK', image.kind, image.group, mask === null ? 0 : 1];
      await writer.add(await source.pixels(image.file), cells, label);
    } catch (error) {
      throw new LabelledFolderError(`${image.file}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    onImage(i + 1);
  }
  return writer.finish(['image', 'label', 'class', 'group', 'has_mask'], {
    ...meta,
    maskCells,
    ng: folder.images.filter((image) => image.isDefective).length,
    groups: new Set(folder.images.map((image) => image.group)).size,
  });
}

/** The brightest pixel of each cell: a defect smaller than a cell still marks it. */
export function cellsOf(
  mask: Uint8Array,
  { width, height }: PixelShape,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Uint8Array {
  const cells = new Uint8Array(rows * columns);
  for (let i = 0; i < mask.length; i++) {
    const row = Math.floor((Math.floor(i / width) * rows) / height);
    const cell = row * columns + Math.floor(((i % width) * columns) / width);
    cells[cell] = Math.max(cells[cell] ?? 0, mask[i] ?? 0);
  }
  return cells;
}
