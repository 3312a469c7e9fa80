/** Model packages made of the tiny models, or of one that ships, changed. */

import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TEST_MODELS } from './service-process.ts';

export type ManifestJson = Record<string, unknown>;

/** @param from a tiny model's name, or the folder of another model */
export function packageAt(
  folder: string,
  from: string,
  change: (manifest: ManifestJson) => ManifestJson = (manifest) => manifest,
  model?: (bytes: Buffer) => Uint8Array,
): string {
  cpSync(path.resolve(TEST_MODELS, from, '1'), folder, { recursive: true });
  const file = path.join(folder, 'model.onnx');
  if (model !== undefined) writeFileSync(file, model(readFileSync(file)));
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as ManifestJson;
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(change({ ...manifest, sha256 })));
  return folder;
}

/** The same model under another version. */
export const nextOf = (version: string) => (manifest: ManifestJson) => ({
  ...manifest,
  name: 'mean-brightness',
  version,
});
