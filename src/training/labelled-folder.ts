/** A labelled folder: `ok/` and `ng/` with images, and if there is one, `manifest.csv` (`image,label,class,group[,mask]`). */

import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { filesBelow, LinkLoopError } from '../files-below.ts';

export interface LabelledImage {
  /** Path below the folder, with "/". */
  readonly file: string;
  readonly isDefective: boolean;
  /** The kind of defect, or of good part. */
  readonly kind: string;
  /** Images of one group show the same physical part: they are never split. */
  readonly group: string;
  /** Path of the defect's mask below the folder (bright where it is), or null. */
  readonly mask: string | null;
}

export interface LabelledFolder {
  readonly root: string;
  readonly images: readonly LabelledImage[];
  /** False where every image was taken for a part of its own, because nothing says otherwise. */
  readonly hasGroups: boolean;
}

/** A labelled folder that is none: every fault found, in one message. */
export class LabelledFolderError extends Error {
  override readonly name = 'LabelledFolderError';
}

const MAX_FAULTS = 10;
const IMAGE_NAME = /\.(jpe?g|png|webp|tiff?)$/i;
/** Images that are not taken: left out without a word they would be missed in every figure. */
const OTHER_IMAGE_NAME = /\.(bmp|gif|hei[cf]|avif|jp2|jxl|p[bgpn]m|dng|raw)$/i;
const SHOWN_NAMES = 5;

const row = z.object({
  image: z.string().min(1),
  label: z
    .string()
    .toUpperCase()
    .pipe(z.enum(['OK', 'NG'])),
  class: z.string().optional(),
  group: z.string().optional(),
  mask: z.string().optional(),
});

/**
 * Reads which images there are, and that they are there; the images themselves are not opened.
 * @throws LabelledFolderError with what was expected
 */
export async function readLabelledFolder(root: string): Promise<LabelledFolder> {
  const there = await namesIn(root);
  if (!there.includes('manifest.csv')) return fromSubfolders(root, there);
  const manifest = await readFile(path.join(root, 'manifest.csv'), 'utf8').catch((error: unknown) => {
    throw new LabelledFolderError(`${root}: manifest.csv cannot be read: ${messageOf(error)}`, { cause: error });
  });
  return fromManifest(root, manifest);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw new LabelledFolderError(`expected a folder with labelled images: ${messageOf(error)}`, { cause: error });
  }
}

async function fromManifest(root: string, text: string): Promise<LabelledFolder> {
  let records: unknown[];
  try {
    const delimiter = delimiterOf(text);
    records = parse(text, { columns: onlyOnce, bom: true, skip_empty_lines: true, trim: true, delimiter });
  } catch (error) {
    throw new LabelledFolderError(`${root}/manifest.csv: ${messageOf(error)}`, { cause: error });
  }
  const [first] = records;
  const columns = Object.keys(first ?? {});
  if (first === undefined || !['image', 'label'].every((column) => columns.includes(column))) {
    const came = first === undefined ? 'no line below its heading' : columns.join(',');
    throw new LabelledFolderError(
      `${root}/manifest.csv: expected lines of image,label,class,group[,mask], got ${came}`,
    );
  }
  const faults: string[] = [];
  const images: LabelledImage[] = [];
  const seen = new Set<string>();
  let hasGroups = true;
  for (const [i, record] of records.entries()) {
    const parsed = row.safeParse(record);
    const line = `line ${i + 2}`;
    if (!parsed.success) {
      faults.push(
        `${line}: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
      );
      continue;
    }
    const { label, class: kind = '', group = '' } = parsed.data;
    const image = path.posix.normalize(slashed(parsed.data.image));
    const mask = slashed(parsed.data.mask ?? '');
    if (leadsOut(image) || leadsOut(mask)) {
      faults.push(`${line}: expected paths below the folder, got "${image}" "${mask}"`);
    } else {
      for (const file of mask === '' ? [image] : [image, mask]) {
        if (!(await isThere(path.join(root, file)))) faults.push(`${line}: there is no "${file}"`);
      }
    }
    if (seen.has(image)) faults.push(`${line}: "${image}" is named twice`);
    seen.add(image);
    hasGroups &&= group !== '';
    images.push({
      file: image,
      isDefective: label === 'NG',
      kind: kind === '' ? label.toLowerCase() : kind,
      group: group === '' ? image : group,
      mask: mask === '' ? null : mask,
    });
  }
  if (faults.length > 0) {
    const more = faults.length > MAX_FAULTS ? `\n  - … and ${faults.length - MAX_FAULTS} more` : '';
    const shown = faults.slice(0, MAX_FAULTS).map((fault) => `\n  - ${fault}`);
    throw new LabelledFolderError(`${root}/manifest.csv:${shown.join('')}${more}`);
  }
  return { root, images, hasGroups };
}

/** A spreadsheet writes what its language separates with: a comma, or a semicolon or tab where the heading has no comma. */
function delimiterOf(text: string): string {
  const [heading = ''] = text.split(/\r?\n/, 1);
  return [',', ';', '\t'].find((delimiter) => heading.includes(delimiter)) ?? ',';
}

/** Paths of Windows too. */
const slashed = (file: string) => file.replaceAll('\\', '/');

/** @throws Error for a heading in which a column stands twice: which of the two counts? */
function onlyOnce(columns: string[]): string[] {
  const again = columns.find((column, i) => columns.indexOf(column) < i);
  if (again !== undefined) throw new Error(`expected each column once, "${again}" stands twice in the heading`);
  return columns;
}

/** `ok/**` and `ng/**`, in capitals too, but for what is hidden; a subfolder of `ng/` names the kind of defect. */
async function fromSubfolders(root: string, there: readonly string[]): Promise<LabelledFolder> {
  const images: LabelledImage[] = [];
  const others: string[] = [];
  for (const label of ['ok', 'ng']) {
    const folders = there.filter((name) => name.toLowerCase() === label);
    if (folders.length > 1)
      throw new LabelledFolderError(`${root}: expected one folder ${label}/, found ${folders.join(', ')}`);
    const [folder = label] = folders;
    const names = await filesBelow(path.join(root, folder)).catch((error: unknown) => {
      if (error instanceof LinkLoopError) throw new LabelledFolderError(error.message, { cause: error });
      const found = there.slice(0, SHOWN_NAMES).join(', ') || 'nothing';
      throw new LabelledFolderError(
        `${root}: expected manifest.csv, or folders ok/ and ng/: no folder ${label}/, found ${found}`,
        { cause: error },
      );
    });
    for (const name of names.sort()) {
      const file = `${folder}/${name}`;
      if (OTHER_IMAGE_NAME.test(name)) others.push(file);
      if (!IMAGE_NAME.test(name)) continue;
      const kind = name.includes('/') ? (name.split('/')[0] ?? label) : label;
      images.push({ file, isDefective: label === 'ng', kind, group: file, mask: null });
    }
  }
  if (others.length > 0) {
    throw new LabelledFolderError(
      `${root}: expected JPEG, PNG, WebP or TIFF, got ${others.length} other images, the first is ${others[0]}: convert them or move them away`,
    );
  }
  if (images.length === 0) throw new LabelledFolderError(`${root}: expected images in ok/ and ng/, found none`);
  return { root, images, hasGroups: false };
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function leadsOut(file: string): boolean {
  return path.isAbsolute(file) || path.normalize(file).split(path.sep).includes('..');
}
