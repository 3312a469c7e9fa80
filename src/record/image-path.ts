/** Which images are kept, and under which name. Pure. */

import type { Decision } from '../frame/verdict.ts';
import type { ImagePolicy } from './contract.ts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/tiff': 'tif',
  'image/bmp': 'bmp',
  'application/x-raw': 'raw',
};

/** The path below `images/`, `YYYY/MM/DD/HH/<resultId>.<ext>` by the UTC hour of receipt. */
export function imagePathOf(decision: Pick<Decision, 'resultId' | 'receivedAt' | 'imageMediaType'>): string {
  const hour = new Date(decision.receivedAt).toISOString().slice(0, 13).replace('T', '/').replaceAll('-', '/');
  return `${hour}/${decision.resultId}.${extensionOf(decision.imageMediaType)}`;
}

/** Of a file that holds an image of this media type, without the dot. */
export function extensionOf(mediaType: string): string {
  return EXTENSIONS[mediaType.split(';', 1)[0]?.trim() ?? ''] ?? 'bin';
}

/** Where the heat map of an image is kept, below `images/` like the image. */
export function heatMapPathOf(imagePath: string): string {
  const dot = imagePath.lastIndexOf('.');
  return `${dot < 0 ? imagePath : imagePath.slice(0, dot)}.heat.json`;
}

/** The result id that a file name below `images/` belongs to. */
export function resultIdOf(fileName: string): string {
  const dot = fileName.indexOf('.');
  return dot < 0 ? fileName : fileName.slice(0, dot);
}

/** Whether `policy` keeps the image of `decision`. A PASS is sampled by its result id, whose last digits are random. */
export function keepsImage(policy: ImagePolicy, decision: Pick<Decision, 'verdict' | 'resultId'>): boolean {
  switch (policy.keep) {
    case 'all':
      return true;
    case 'none':
      return false;
    case 'not_pass':
      return decision.verdict !== 'PASS' || draw(decision.resultId) < policy.keepPassRatio;
  }
}

/** 0..1, evenly spread, from the last 32 random bits of a UUID. */
function draw(resultId: string): number {
  return Number.parseInt(resultId.slice(-8), 16) / 2 ** 32;
}
