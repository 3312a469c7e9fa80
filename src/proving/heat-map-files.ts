/**
 * Heat maps kept beside their pictures: `<resultId>.heat.json`, about 1 kB. One can always be made anew, so nothing is synced;
 * retention takes it with its picture.
 */

import { access, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { nullIfMissing } from '../errors.ts';
import type { HeatMap } from '../frame/heat-map.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import { heatMapPathOf } from '../record/image-path.ts';
import { TMP_SUFFIX } from '../record/image-store.ts';

const SCHEMA = 'loupe.heatmap/1';
const unit = z.number().min(0).max(1);

export const heatMapSchema = z.strictObject({
  method: z.enum(['activation_map', 'occlusion']),
  columns: z.int().min(1).max(4096),
  rows: z.int().min(1).max(4096),
  values: z.array(unit),
  area: z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
  probability: unit,
});

const fileSchema = z.strictObject({ schema: z.literal(SCHEMA), modelSha256: z.string(), heatMap: heatMapSchema });

export class HeatMapFiles {
  private readonly images: string;

  /** @param store folder of the store */
  constructor(store: string) {
    this.images = path.join(store, 'images');
  }

  /** Null where there is none, or none of this result's model. */
  async read(result: RecordedResult): Promise<HeatMap | null> {
    if (result.imagePath === null) return null;
    try {
      const text = await readFile(path.join(this.images, heatMapPathOf(result.imagePath)), 'utf8');
      const found = fileSchema.parse(JSON.parse(text));
      return found.modelSha256 === result.model?.sha256 ? found.heatMap : null;
    } catch {
      // Missing, cut off by a crash, or of another form: it is made anew.
      return null;
    }
  }

  /**
   * Keeps one beside its picture, unless retention took the picture meanwhile.
   * @throws an error of the system where it cannot be written
   */
  async keep(result: RecordedResult, heatMap: HeatMap): Promise<void> {
    if (result.imagePath === null) return;
    const image = path.join(this.images, result.imagePath);
    const file = path.join(this.images, heatMapPathOf(result.imagePath));
    const content = { schema: SCHEMA, modelSha256: result.model?.sha256 ?? '', heatMap };
    const written = writeFile(file + TMP_SUFFIX, JSON.stringify(content)).then(() => true, nullIfMissing);
    // Without its folder: retention took the last picture in it.
    if ((await written) === null) return;
    await rename(file + TMP_SUFFIX, file);
    // Retention takes the picture first and its heat map after: whoever comes second takes what is left.
    await access(image).catch(() => unlink(file));
  }
}
