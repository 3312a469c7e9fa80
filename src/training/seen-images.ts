/**
 * What a package says of the images that it was trained on, and which of those that it is measured on are among them
 * (docs/models.md, "Measuring a model"). Pure.
 */

import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import type { LabelledImage } from './labelled-folder.ts';

export interface MarkedImage extends Pick<LabelledImage, 'file' | 'group'> {
  /** `markOf` its input pixels. */
  readonly pixels: string;
}

export type KnownImages =
  /** What training and validation saw. */
  | { readonly kind: 'seen'; readonly images: readonly MarkedImage[] }
  /** Only what was held out, and that only by name. */
  | { readonly kind: 'held_out'; readonly files: ReadonlySet<string> };

export interface SeenAmong {
  /** How many of the measured images were trained on; null where the package does not say. */
  readonly trainedOn: number | null;
  readonly warnings: readonly string[];
}

/** 64 bits: of a million images no two share a mark by chance. */
const MARK_DIGITS = 16;
const SHOWN = 5;

const seenRow = z.object({
  image: z.string().min(1),
  group: z.string().min(1),
  pixels: z.string().regex(/^[0-9a-f]{16}$/),
});
const heldOutRow = z.object({ image: z.string().min(1) });

/** The first 16 hex digits of the SHA-256 of an image as the model gets it. @param pixels uint8 HWC of the model's input */
export function markOf(pixels: Uint8Array): string {
  return createHash('sha256').update(pixels).digest('hex').slice(0, MARK_DIGITS);
}

/** Text of report/seen.csv. */
export function seenCsv(images: readonly MarkedImage[]): string {
  return stringify([['image', 'group', 'pixels'], ...images.map(({ file, group, pixels }) => [file, group, pixels])]);
}

/** @throws Error with the line and field that is not as expected */
export function readSeen(text: string): KnownImages {
  const rows = rowsOf(text, seenRow);
  return { kind: 'seen', images: rows.map(({ image, group, pixels }) => ({ file: image, group, pixels })) };
}

/** @throws Error with the line and field that is not as expected */
export function readHeldOut(text: string): KnownImages {
  return { kind: 'held_out', files: new Set(rowsOf(text, heldOutRow).map(({ image }) => image)) };
}

function rowsOf<T>(text: string, row: z.ZodType<T>): T[] {
  const records: unknown[] = parse(text, { columns: true, bom: true, skip_empty_lines: true });
  return records.map((record, i) => {
    const parsed = row.safeParse(record);
    if (parsed.success) return parsed.data;
    throw new Error(`line ${i + 2}: ${parsed.error.issues.map((e) => `${e.path.join('.')}: ${e.message}`).join('; ')}`);
  });
}

/**
 * @param images that are measured
 * @param hasGroups whether they say which part they show
 */
export function seenAmong(images: readonly MarkedImage[], hasGroups: boolean, known: KnownImages): SeenAmong {
  if (known.kind === 'held_out') {
    const named = images.filter(({ file }) => known.files.has(file)).length;
    const unknown = images.length - named;
    const ofOthers = unknown === 0 ? '' : `; whether the other ${unknown} were trained on is not known`;
    const said = `the package names what it was not trained on (report/test.csv), and ${named} of these images have such a name`;
    return { trainedOn: null, warnings: [said + ofOthers] };
  }
  const seenMarks = new Set(known.images.map(({ pixels }) => pixels));
  const seenFiles = new Set(known.images.map(({ file }) => file));
  const seenGroups = new Set(known.images.map(({ group }) => group));
  const trained = images.filter(({ pixels }) => seenMarks.has(pixels));
  const others = images.filter(({ pixels }) => !seenMarks.has(pixels));
  const renewed = others.filter(({ file }) => seenFiles.has(file));
  const related = hasGroups ? others.filter(({ group }) => seenGroups.has(group)) : [];
  const warnings: string[] = [];
  if (trained.length > 0) {
    warnings.push(`LEAK: ${trained.length} of these images were trained on, pixel for pixel: ${shown(trained)}`);
  }
  if (related.length > 0) {
    warnings.push(`LEAK: ${related.length} images show a part (group) that was trained on: ${shown(related)}`);
  }
  if (renewed.length > 0) {
    warnings.push(
      `${renewed.length} images have the name of one that was trained on and other pixels, so changed since or decoded otherwise: ${shown(renewed)}`,
    );
  }
  return { trainedOn: trained.length, warnings };
}

function shown(images: readonly { readonly file: string }[]): string {
  const names = images.slice(0, SHOWN).map(({ file }) => file);
  return names.join(', ') + (images.length > SHOWN ? ' …' : '');
}
