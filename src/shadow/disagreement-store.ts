/**
 * The frames on which a candidate and the model that decides differ: `<store>/shadow/<recipe>/<model>/<version>/`, for each a picture
 * and what both said of it. The newest are kept, of one candidate beside a recipe: they lie on the disk that the pictures of the
 * ledger need. Nothing here is evidence: what was decided stands in the ledger.
 */

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { LoupeError, nullIfMissing } from '../errors.ts';
import type { ModelVersion } from '../frame/models.ts';
import type { Disagreement } from '../frame/shadows.ts';
import { VERDICTS } from '../frame/verdict.ts';
import { extensionOf } from '../record/image-path.ts';
import { Turns } from '../turns.ts';

const judged = z.object({ verdict: z.enum(VERDICTS), probability: z.number().nullable() });
const disagreement: z.ZodType<Disagreement> = z.object({
  resultId: z.string(),
  recipe: z.string(),
  cameraId: z.string(),
  frameId: z.string(),
  partId: z.string().nullable(),
  receivedAt: z.number(),
  imageMediaType: z.string(),
  activeModel: z.string(),
  active: judged,
  candidateModel: z.string(),
  candidate: judged,
});

const MOST = 500;
/** Pictures that may wait for a slow disk. */
const MAX_PENDING = 16;
const SUFFIX = '.json';

export class DisagreementStore {
  private readonly recipe: string;
  private readonly candidate: Pick<ModelVersion, 'name' | 'version'>;
  private readonly folder: string;
  private pending = 0;
  private readonly turns = new Turns();

  /** @param recipe folder of one recipe, made when it is needed */
  constructor(recipe: string, candidate: Pick<ModelVersion, 'name' | 'version'>) {
    this.recipe = recipe;
    this.candidate = candidate;
    this.folder = path.join(recipe, candidate.name, candidate.version);
  }

  /** Takes away what was kept of other candidates. */
  async forgetOthers(): Promise<void> {
    const { name, version } = this.candidate;
    for (const other of await namesIn(this.recipe)) {
      if (other !== name) await rm(path.join(this.recipe, other), { recursive: true });
    }
    for (const other of await namesIn(path.join(this.recipe, name))) {
      if (other !== version) await rm(path.join(this.recipe, name, other), { recursive: true });
    }
  }

  /** @throws where the disk does not take it, or is that far behind */
  async keep(found: Disagreement, picture: Uint8Array): Promise<void> {
    if (this.pending >= MAX_PENDING) throw new Error(`${this.pending} pictures wait for the disk`);
    this.pending++;
    await this.turns.take(() => this.write(found, picture)).finally(() => this.pending--);
  }

  /** Newest first. */
  async list(limit: number): Promise<readonly Disagreement[]> {
    const names = (await this.names()).slice(-limit).toReversed();
    const read = await Promise.all(names.map((name) => this.read(name)));
    return read.filter((found) => found !== null);
  }

  /** @throws LoupeError result_not_found */
  async pictureFile(resultId: string): Promise<{ readonly file: string; readonly mediaType: string }> {
    const name = (await this.names()).find((one) => one === resultId + SUFFIX);
    const found = name === undefined ? null : await this.read(name);
    if (found === null) throw new LoupeError('result_not_found', `no disagreement about result "${resultId}" is kept`);
    return { file: this.pictureOf(found), mediaType: found.imageMediaType };
  }

  private async write(found: Disagreement, picture: Uint8Array): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeFile(this.pictureOf(found), picture);
    // Whole or not there: the list reads only what has its final name.
    const file = path.join(this.folder, found.resultId + SUFFIX);
    await writeFile(`${file}.tmp`, JSON.stringify(found));
    await rename(`${file}.tmp`, file);
    await this.forgetOlder();
  }

  /** Keeps the newest, and nothing that is older than they are: a picture too whose JSON a power cut prevented. */
  private async forgetOlder(): Promise<void> {
    const [oldest] = (await this.names()).slice(-MOST);
    if (oldest === undefined) return;
    for (const name of await namesIn(this.folder)) {
      if (resultOf(name) < resultOf(oldest)) await rm(path.join(this.folder, name), { force: true });
    }
  }

  /** Result ids are UUIDs of version 7: by name is by time. */
  private async names(): Promise<string[]> {
    return (await namesIn(this.folder)).filter((name) => name.endsWith(SUFFIX)).sort();
  }

  private async read(name: string): Promise<Disagreement | null> {
    const text = await readFile(path.join(this.folder, name), 'utf8').catch(() => '');
    try {
      return disagreement.parse(JSON.parse(text));
    } catch {
      // Removed meanwhile, or cut short by a full disk.
      return null;
    }
  }

  private pictureOf({ resultId, imageMediaType }: Disagreement): string {
    return path.join(this.folder, `${resultId}.${extensionOf(imageMediaType)}`);
  }
}

const resultOf = (name: string) => name.slice(0, name.indexOf('.'));

/** None where the folder is not there. */
async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(nullIfMissing)) ?? [];
}
