/** The work of `loupe models inspect`: graph, draft, golden scores, package. */

import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../errors.ts';
import { EngineStartError } from '../../engine/engine-process.ts';
import { GraphError, graphOf } from '../../engine/graph.ts';
import { proveOnce } from '../../engine/one-proof.ts';
import { draftOf, type Golden, manifestFrom } from '../../model-repository/draft.ts';
import type { Manifest } from '../../model-repository/manifest.ts';
import { onnxFault } from '../../model-repository/onnx-file.ts';
import { CommandError, EXIT } from '../exit.ts';
import { makeWhole, refuseOverwriting } from '../new-package.ts';

export interface GoldenAnswer {
  readonly file: string;
  /** What it scored where the model was made; null: what it scores here. */
  readonly probability: number | null;
}

export interface InspectedModel {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly questions: readonly { readonly key: string; readonly expected: string }[];
  readonly faults: readonly string[];
  /** Folder of the package that was written; null where none was. */
  readonly package: string | null;
  readonly notes: readonly string[];
}

interface Wanted {
  readonly set: ReadonlyMap<string, string>;
  readonly golden: readonly GoldenAnswer[];
  readonly out?: string;
}

const START_TIMEOUT_MS = 120_000;
const MAX_PIXELS = 268_402_689;

export async function inspectModel(file: string, { set, golden, out }: Wanted): Promise<InspectedModel> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new CommandError(EXIT.failed, `${file}: ${messageOf(error)}`);
  });
  const nothing = { facts: {}, questions: [], package: null, notes: [] };
  const fault = onnxFault(bytes);
  if (fault !== null) return { ...nothing, faults: [fault] };
  let draft: ReturnType<typeof draftOf>;
  try {
    draft = draftOf(await graphOf(path.resolve(file)), set);
  } catch (error) {
    if (error instanceof GraphError) return { ...nothing, faults: [error.message] };
    throw error;
  }
  const open = { ...draft, package: null, notes: [] };
  if (draft.faults.length > 0 || draft.questions.length > 0 || out === undefined || golden.length === 0) return open;

  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const createdAt = `${new Date().toISOString().slice(0, 19)}Z`;
  const places = placed(golden);
  const drafted = manifestFrom(draft, set, {
    sha256,
    createdAt,
    golden: places.map(({ place, probability }) => ({ file: place, probability: probability ?? 0 })),
  });
  if ('faults' in drafted) return { ...open, faults: drafted.faults };
  const folder = path.join(out, drafted.manifest.name, drafted.manifest.version);
  await refuseOverwriting(folder);
  const scored = await score(path.resolve(file), drafted.manifest, golden);
  if (typeof scored === 'string') return { ...open, faults: [scored] };
  const { scores, faults } = judged(golden, scored, drafted.manifest);
  if (faults.length > 0) return { ...open, faults };
  const manifest = {
    ...drafted.manifest,
    golden: places.map(({ place }, i) => ({ file: place, probability: scores[i] ?? 0 })),
  };
  await write(folder, path.resolve(file), manifest, places);
  const measured = golden.filter(({ probability }) => probability === null).length;
  const notes =
    measured === 0
      ? []
      : [
          `${measured} golden scores were measured here: they prove that later engines agree with this one, not that the answers above are right`,
        ];
  return { ...open, package: folder, notes };
}

/** Each golden image's file in the package: its own name, and a number where another one has it already. */
function placed(golden: readonly GoldenAnswer[]): readonly (GoldenAnswer & { readonly place: string })[] {
  const taken = new Set<string>();
  return golden.map((one) => {
    const { name, ext } = path.parse(one.file);
    let place = `golden/${name}${ext}`;
    for (let count = 2; taken.has(place); count++) place = `golden/${name}-${count}${ext}`;
    taken.add(place);
    return { ...one, place };
  });
}

/** What the golden images score in a real engine, or why they cannot be scored. */
async function score(
  file: string,
  manifest: Manifest,
  golden: readonly GoldenAnswer[],
): Promise<readonly number[] | string> {
  const { name, version, sha256, input, output } = manifest;
  const contract = { input, output };
  // A tolerance of 1 lets every probability pass: they are compared afterwards, each with what was said of it.
  const entries = golden.map((one) => ({ path: path.resolve(one.file), probability: one.probability ?? 0.5 }));
  const files = [{ variant: null, file, sha256, providers: ['cpu'] }] as const;
  const model = { name, version, file, sha256, files, contract, golden: entries, tolerance: 1 };
  const settings = {
    model,
    provider: 'cpu',
    deviceId: 0,
    threads: 1,
    batchSizes: [1],
    maxPixels: MAX_PIXELS,
    isProbed: true,
  } as const;
  try {
    return (await proveOnce({ settings, startTimeoutMs: START_TIMEOUT_MS })).goldenScores;
  } catch (error) {
    if (error instanceof EngineStartError) return `it failed at ${error.stage}: ${error.message}`;
    throw error;
  }
}

function judged(
  golden: readonly GoldenAnswer[],
  scored: readonly number[],
  { golden_tolerance: tolerance }: Manifest,
): { scores: number[]; faults: string[] } {
  const scores: number[] = [];
  const faults: string[] = [];
  for (const [i, { file, probability }] of golden.entries()) {
    const found = scored[i] ?? Number.NaN;
    const expected = probability ?? Number(found.toFixed(6));
    scores.push(expected);
    if (!(Math.abs(found - expected) <= tolerance)) {
      faults.push(
        `${file}: expected ${expected} within ${tolerance}, it scores ${found}; is every answer as in its training?`,
      );
    }
  }
  return { scores, faults };
}

async function write(
  folder: string,
  model: string,
  manifest: Manifest & { golden: Golden },
  places: readonly { readonly file: string; readonly place: string }[],
): Promise<void> {
  try {
    await makeWhole(folder, async (draft) => {
      await copyFile(model, path.join(draft, 'model.onnx'));
      for (const { file, place } of places) await copyFile(file, path.join(draft, place));
      await writeFile(path.join(draft, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    });
  } catch (error) {
    throw error instanceof CommandError
      ? error
      : new CommandError(EXIT.failed, `${folder}: ${messageOf(error)}`, { cause: error });
  }
}
