/**
 * The folder of all models, as something to add to and take from. A package is copied beside the others under a hidden name,
 * checked, proven in an engine, and only then renamed into its place: what is in its place was whole once, and stays.
 *
 *   folder ──copy──> <root>/.incoming-…/  ──load, prove──> rename ──> <root>/<name>/<version>/
 */

import { randomUUID } from 'node:crypto';
import {
  access,
  copyFile,
  constants,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import path from 'node:path';
import { LoupeError, messageOf } from '../errors.ts';
import type { ModelListing, ModelReport } from '../frame/models.ts';
import {
  listModels,
  loadModelPackage,
  type ModelPackage,
  ModelPackageError,
  type PackagedModel,
  readManifest,
  VARIANTS,
} from './package.ts';

const INCOMING = '.incoming-';
/** An import takes minutes; what is older was left by one that was killed. */
const STALE_MS = 3_600_000;
const MAX_FILES = 500;
/** As `loupe teach` and the training recipe write it; the first that is there. */
const REPORTS = [
  ['report.html', 'html'],
  ['report.md', 'markdown'],
] as const;

export interface RepositoryOptions {
  /** Folder of all models. */
  readonly root: string;
  /** Bytes of one package. */
  readonly maxBytes: number;
  /** Loads and proves a model in an engine of its own. Rejects with LoupeError model_refused where it is not fit. */
  prove(model: PackagedModel): Promise<void>;
}

export class ModelRepository {
  private readonly options: RepositoryOptions;

  constructor(options: RepositoryOptions) {
    this.options = options;
  }

  /** Every package, by name, highest version first; a package that is not as it should be with its fault. */
  async list(): Promise<readonly ModelListing[]> {
    const listings: ModelListing[] = [];
    for (const { name, versions } of await listModels(this.options.root)) {
      for (const version of versions) listings.push(await this.listingOf(name, version));
    }
    return listings;
  }

  /**
   * @param version null: the highest
   * @throws LoupeError model_not_found, model_refused
   */
  async load(name: string, version: string | null): Promise<ModelPackage> {
    const models = await listModels(this.options.root);
    const versions = models.find((model) => model.name === name)?.versions ?? [];
    const wanted = version ?? versions[0];
    if (wanted === undefined || !versions.includes(wanted)) {
      const there = versions.length > 0 ? versions.join(', ') : models.map((model) => model.name).join(', ') || 'none';
      const what = versions.length > 0 ? `versions of ${name}` : 'models';
      throw new LoupeError(
        'model_not_found',
        `no model ${name}${version === null ? '' : `/${version}`}; ${what}: ${there}`,
      );
    }
    return asRefusal(() => loadModelPackage(this.options.root, name, wanted));
  }

  /**
   * Copies a package in, proves it, and gives it its place.
   * @param folder holds model.onnx, manifest.json, golden/ and perhaps variants/ and report/
   * @throws LoupeError model_exists, model_refused
   */
  async add(folder: string): Promise<ModelListing> {
    const { root } = this.options;
    const { name, version } = await nameIn(folder);
    const place = path.join(path.resolve(root), name, version);
    const isThere = () =>
      new LoupeError('model_exists', `${name}/${version} is there already; give the new package a new version`);
    if (await exists(place)) throw isThere();
    const incoming = path.join(path.resolve(root), `${INCOMING}${randomUUID()}`);
    const copy = path.join(incoming, name, version);
    try {
      await mkdir(copy, { recursive: true });
      await access(root, constants.W_OK);
      await sweep(root);
      await copyPackage(folder, copy, this.options.maxBytes);
      const { engineModel } = await asRefusal(() => loadModelPackage(incoming, name, version));
      await this.options.prove(engineModel);
      await mkdir(path.dirname(place), { recursive: true });
      await rename(copy, place);
      await syncFolder(path.dirname(place));
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw isThere();
      throw asLoupe(error, root);
    } finally {
      await rm(incoming, { recursive: true, force: true }).catch(() => undefined);
    }
    return this.listingOf(name, version);
  }

  /** @throws LoupeError model_not_found */
  async remove(name: string, version: string): Promise<void> {
    const models = await listModels(this.options.root);
    if (models.find((model) => model.name === name)?.versions.includes(version) !== true) {
      throw new LoupeError('model_not_found', `no model ${name}/${version}`);
    }
    const { root } = this.options;
    const folder = path.join(path.resolve(root), name, version);
    // Renamed first: a package that is half gone must not be taken for one.
    const away = path.join(path.resolve(root), `${INCOMING}${randomUUID()}`);
    try {
      await rename(folder, away);
      await rm(away, { recursive: true, force: true });
      await rmdir(path.dirname(folder)).catch((error: unknown) => {
        // Other versions, or one that was added this moment.
        if (codeOf(error) !== 'ENOTEMPTY') throw error;
      });
    } catch (error) {
      throw asLoupe(error, root);
    }
  }

  /** @throws LoupeError model_not_found, also where the package has no report */
  async report(name: string, version: string): Promise<ModelReport> {
    await this.load(name, version);
    for (const [file, kind] of REPORTS) {
      const text = await readFile(path.join(this.options.root, name, version, 'report', file), 'utf8').catch(
        () => null,
      );
      if (text !== null) return { kind, text };
    }
    throw new LoupeError('model_not_found', `${name}/${version} has no report/report.html and no report/report.md`);
  }

  async hasReport(name: string, version: string): Promise<boolean> {
    const files = REPORTS.map(([file]) => path.join(this.options.root, name, version, 'report', file));
    return (await Promise.all(files.map(exists))).includes(true);
  }

  private async listingOf(name: string, version: string): Promise<ModelListing> {
    const hasReport = await this.hasReport(name, version);
    const none = { name, version, sha256: null, createdAt: null, recipes: [], hasReport };
    try {
      const { manifest } = await loadModelPackage(this.options.root, name, version);
      return { ...none, sha256: manifest.sha256, createdAt: manifest.created_at, fault: null };
    } catch (error) {
      if (!(error instanceof ModelPackageError)) throw error;
      return { ...none, fault: error.faults.join('; ') };
    }
  }
}

async function nameIn(folder: string): Promise<{ name: string; version: string }> {
  const faults: string[] = [];
  const manifest = await readManifest(path.join(folder, 'manifest.json'), faults);
  if (manifest === null) throw new LoupeError('model_refused', faults.join('; '));
  return manifest;
}

/** Plain files only, of the folders a package has; a link, which could lead anywhere, ends the import. */
async function copyPackage(from: string, to: string, maxBytes: number): Promise<void> {
  const files = ['model.onnx', 'manifest.json'];
  for (const inner of ['golden', 'report', VARIANTS]) files.push(...(await filesIn(from, inner)));
  if (files.length > MAX_FILES)
    throw new LoupeError('model_refused', `expected at most ${MAX_FILES} files, got ${files.length}`);
  let left = maxBytes;
  for (const file of files) {
    const source = path.join(from, file);
    const found = await lstat(source).catch(() => null);
    if (found === null) throw new LoupeError('model_refused', `${file}: missing`);
    if (!found.isFile())
      throw new LoupeError('model_refused', `${file}: expected a plain file, no link, folder or device`);
    left -= found.size;
    if (left < 0)
      throw new LoupeError(
        'model_refused',
        `expected a package of at most ${maxBytes} bytes (models.max_package_bytes)`,
      );
    const target = path.join(to, file);
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(source, target, constants.COPYFILE_EXCL);
    await syncFile(target);
  }
}

async function filesIn(folder: string, inner: string): Promise<string[]> {
  const entries = await readdir(path.join(folder, inner), { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(inner, entry.name));
}

async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith(INCOMING)) continue;
    const folder = path.join(root, name);
    const found = await stat(folder).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > STALE_MS) await rm(folder, { recursive: true, force: true });
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const syncFolder = syncFile;

const exists = (file: string) =>
  lstat(file).then(
    () => true,
    () => false,
  );

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

async function asRefusal<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ModelPackageError) throw new LoupeError('model_refused', error.message, { cause: error });
    throw error;
  }
}

function asLoupe(error: unknown, root: string): unknown {
  if (error instanceof LoupeError) return error;
  if (['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT'].includes(codeOf(error))) {
    const why = messageOf(error);
    return new LoupeError('store_unavailable', `${path.resolve(root)} cannot be written: ${why}`, { cause: error });
  }
  return error;
}
