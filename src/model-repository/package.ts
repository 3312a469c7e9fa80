/**
 * Model packages on disk, read with suspicion: `<root>/<name>/<version>/` with model.onnx, manifest.json and golden images.
 * Whether a model works is for an engine to prove; here everything is found out that can be without running it.
 */

import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { type Manifest, MODEL_NAME, MODEL_VERSION, manifestSchema } from './manifest.ts';
import { onnxFault } from './onnx-file.ts';

export interface PackagedFile {
  /** Null: model.onnx itself. */
  readonly variant: string | null;
  readonly file: string;
  readonly sha256: string;
  readonly providers: readonly ('cuda' | 'cpu')[];
}

/** What an engine is given: the same shape as its own EngineModel. */
export interface PackagedModel {
  readonly name: string;
  readonly version: string;
  /** Absolute path of model.onnx. */
  readonly file: string;
  readonly sha256: string;
  /** model.onnx first, its variants after it; absolute paths. */
  readonly files: readonly PackagedFile[];
  readonly contract: Pick<Manifest, 'input' | 'output'>;
  readonly golden: readonly { readonly path: string; readonly probability: number }[];
  readonly tolerance: number;
}

export interface ModelPackage {
  readonly engineModel: PackagedModel;
  readonly manifest: Manifest;
  /** Absolute path of the package's folder. */
  readonly folder: string;
}

export interface ModelListing {
  readonly name: string;
  /** Highest first. */
  readonly versions: readonly string[];
}

/** Everything that is wrong with one package, in one message. */
export class ModelPackageError extends Error {
  override readonly name = 'ModelPackageError';
  readonly faults: readonly string[];

  constructor(subject: string, faults: readonly string[]) {
    super(`${subject}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** Beyond this a file is no edge model; onnxruntime itself cannot read a protobuf of 2 GiB. */
const MAX_MODEL_BYTES = 1 << 30;
const MAX_MANIFEST_BYTES = 1 << 20;
/** Half a millisecond of hashing. */
const SLICE_BYTES = 1 << 18;
/** Folder of a package's cheaper forms. */
export const VARIANTS = 'variants';

/**
 * Reads one package and checks that each file it names is there, is a plain file inside it, and that model.onnx is the one
 * the manifest was written for and keeps its weights for itself.
 * @param root folder of all models
 * @throws ModelPackageError with every fault found
 */
export async function loadModelPackage(root: string, name: string, version: string): Promise<ModelPackage> {
  const subject = `model ${name}/${version}`;
  const nameFaults = [
    ...(MODEL_NAME.test(name) ? [] : [`expected a model name of letters, digits, ".", "_" and "-", got "${name}"`]),
    ...(MODEL_VERSION.test(version) ? [] : [`expected a version such as 1 or 1.2.0, got "${version}"`]),
  ];
  if (nameFaults.length > 0) throw new ModelPackageError(subject, nameFaults);
  const folder = path.resolve(root, name, version);
  const faults: string[] = [];
  const manifest = await readManifest(path.join(folder, 'manifest.json'), faults);
  const file = path.join(folder, 'model.onnx');
  const found = await sha256Of(file, 'model.onnx', faults);
  if (manifest === null) throw new ModelPackageError(subject, faults);
  if (manifest.name !== name)
    faults.push(`manifest.json: expected name "${name}" as its folder, got "${manifest.name}"`);
  if (manifest.version !== version) {
    faults.push(`manifest.json: expected version "${version}" as its folder, got "${manifest.version}"`);
  }
  if (found !== null && found !== manifest.sha256) {
    faults.push(`model.onnx: the manifest is for SHA-256 ${manifest.sha256}, the file has ${found}`);
  }
  if (manifest.golden.length === 0) faults.push('manifest.json: expected at least one golden image, got none');
  const golden = manifest.golden.map((entry) => ({
    path: path.resolve(folder, entry.file),
    probability: entry.probability,
  }));
  for (const [i, { path: goldenPath }] of golden.entries()) {
    const said = manifest.golden[i]?.file ?? '';
    if (path.dirname(goldenPath) !== path.join(folder, 'golden')) {
      faults.push(`golden[${i}].file: expected a file in golden/, got "${said}"`);
    } else {
      const fault = await plainFileFault(goldenPath, MAX_MODEL_BYTES);
      if (fault !== null) faults.push(`${said}: ${fault}`);
    }
  }
  const files: PackagedFile[] = [
    { variant: null, file, sha256: manifest.sha256, providers: ['cuda', 'cpu'] },
    ...(await variantsOf(folder, manifest, faults)),
  ];
  if (faults.length > 0) throw new ModelPackageError(subject, faults);
  const { sha256, input, output, golden_tolerance: tolerance } = manifest;
  return {
    engineModel: { name, version, file, sha256, files, contract: { input, output }, golden, tolerance },
    manifest,
    folder,
  };
}

async function variantsOf(folder: string, manifest: Manifest, faults: string[]): Promise<PackagedFile[]> {
  const files: PackagedFile[] = [];
  for (const { name, sha256, providers } of manifest.variants ?? []) {
    const inside = `${VARIANTS}/${name}.onnx`;
    const file = path.join(folder, inside);
    const found = await sha256Of(file, inside, faults);
    if (found !== null && found !== sha256) {
      faults.push(`${inside}: the manifest is for SHA-256 ${sha256}, the file has ${found}`);
    }
    if (files.some(({ variant }) => variant === name)) faults.push(`variants: expected "${name}" once`);
    files.push({ variant: name, file, sha256, providers });
  }
  return files;
}

/** Models below `root` by name, each with its versions; an absent root has none. Nothing of them is checked. */
export async function listModels(root: string): Promise<readonly ModelListing[]> {
  const listings: ModelListing[] = [];
  for (const name of await foldersIn(root)) {
    if (!MODEL_NAME.test(name)) continue;
    const versions = (await foldersIn(path.join(root, name))).filter((version) => MODEL_VERSION.test(version));
    if (versions.length > 0) listings.push({ name, versions: versions.sort((a, b) => compareVersions(b, a)) });
  }
  return listings.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The highest version of a model.
 * @throws ModelPackageError when there is none
 */
export async function resolveVersion(root: string, name: string): Promise<string> {
  const models = await listModels(root);
  const version = models.find((model) => model.name === name)?.versions[0];
  if (version !== undefined) return version;
  const there = models.map((model) => model.name).join(', ') || 'none';
  throw new ModelPackageError(`model ${name}`, [
    `expected a folder ${path.join(root, name)}/<version>; models found in ${path.resolve(root)}: ${there}`,
  ]);
}

/** By number, place for place: 2 < 10, 1 < 1.1. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** Null where it is not as it should be; why is added to `faults`. */
export async function readManifest(file: string, faults: string[]): Promise<Manifest | null> {
  const fault = await plainFileFault(file, MAX_MANIFEST_BYTES);
  if (fault !== null) {
    faults.push(`manifest.json: ${fault}`);
    return null;
  }
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    faults.push(`manifest.json: expected JSON: ${messageOf(error)}`);
    return null;
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    faults.push(`manifest.json: ${issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''}${issue.message}`);
  }
  return null;
}

async function sha256Of(file: string, name: string, faults: string[]): Promise<string | null> {
  const fault = await plainFileFault(file, MAX_MODEL_BYTES);
  if (fault !== null) {
    faults.push(`${name}: ${fault}`);
    return null;
  }
  const bytes = await readFile(file);
  const onnx = onnxFault(bytes);
  if (onnx !== null) faults.push(`${name}: ${onnx}`);
  return sha256InSlices(bytes);
}

/** Frames are answered between two slices: in one piece a ResNet-50 would hold the event loop for 200 ms. */
async function sha256InSlices(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
    await setImmediate();
  }
  return hash.digest('hex');
}

/** A link could lead out of the package, and a pipe could hold the reader for ever. */
async function plainFileFault(file: string, maxBytes: number): Promise<string | null> {
  try {
    const found = await lstat(file);
    if (!found.isFile()) return 'expected a plain file, no link, folder or device';
    if (found.size === 0) return 'expected content, got an empty file';
    return found.size > maxBytes ? `expected at most ${maxBytes} bytes, got ${found.size}` : null;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'missing' : `cannot be read (${codeOf(error)})`;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
