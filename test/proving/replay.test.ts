import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TaskResult } from '../../src/engine/task.ts';
import type { Image, Roi } from '../../src/frame/frame.ts';
import { rawMediaTypeOf } from '../../src/frame/raw-media-type.ts';
import type { RecordedResult } from '../../src/frame/verdict.ts';
import { contractSha256 } from '../../src/model-repository/manifest.ts';
import { loadModelPackage, type ModelPackage } from '../../src/model-repository/package.ts';
import { ModelRefusedError, replay, type ReplayPorts } from '../../src/proving/replay.ts';
import type { Fate } from '../../src/record/image-fate.ts';
import { recordedOf } from '../support/frames.ts';
import { TINY_MODELS } from '../support/pool.ts';

const bytes = new TextEncoder().encode('a picture');
const ROI = { x: 0.25, y: 0, width: 0.5, height: 1 };
let found: ModelPackage;
beforeAll(async () => {
  found = await loadModelPackage(TINY_MODELS, 'mean-brightness', '1');
});

function rowOf(over: Partial<Omit<RecordedResult, 'cameraId' | 'frameId'>> = {}): RecordedResult {
  const { name, version, sha256 } = found.manifest;
  return recordedOf({
    verdict: 'FAIL',
    disposition: 'reject',
    defectProbability: 0.9,
    cuts: { passBelow: 0.4, failAbove: 0.6 },
    model: { name, version, sha256 },
    modelInput: { roi: ROI, contractSha256: contractSha256(found.manifest) },
    imagePath: 'x.jpg',
    imageSha256: createHash('sha256').update(bytes).digest('hex'),
    ...over,
  });
}

const scoring = (probability: number): TaskResult => ({
  kind: 'scored',
  probability,
  unfamiliarity: null,
  look: { brightness: 1, contrast: 1, focus: 1 },
  decodeMs: 1,
  inferMs: 1,
  batchSize: 1,
  model: { name: 'mean-brightness', version: '1', sha256: found.manifest.sha256 },
  provider: 'cpu',
});

interface Seen {
  image?: Image;
  roi?: Roi | null;
}

function portsOf(score: TaskResult, over: Partial<ReplayPorts> = {}, fate: Fate = 'stored', seen: Seen = {}) {
  const store = mkdtempSync(path.join(tmpdir(), 'loupe-replay-'));
  mkdirSync(path.join(store, 'images'));
  writeFileSync(path.join(store, 'images', 'x.jpg'), bytes);
  const ports: ReplayPorts = {
    store: { path: store, fateOf: async () => fate },
    packageOf: async ({ name, version }) => loadModelPackage(TINY_MODELS, name, version),
    score: async (_found, image, roi) => {
      Object.assign(seen, { image, roi });
      return score;
    },
    ...over,
  };
  return { ports, store };
}

describe('a replay with the recorded model', () => {
  it('hands picture, region and cuts on as they were recorded, and is the same within the tolerance of the package', async () => {
    const seen: Seen = {};
    const { ports } = portsOf(scoring(0.904), {}, 'stored', seen);
    expect(await replay(rowOf(), ports, null)).toEqual({
      kind: 'same',
      model: 'mean-brightness/1',
      provider: 'cpu',
      probability: 0.904,
      verdict: 'FAIL',
      cuts: { passBelow: 0.4, failAbove: 0.6 },
      tolerance: 0.005,
      detail: null,
    });
    expect(seen.roi).toEqual(ROI);
    expect(Buffer.from(seen.image?.bytes ?? []).equals(bytes)).toBe(true);
  });

  it('reads raw pixels back by what was written of them', async () => {
    const seen: Seen = {};
    const { ports } = portsOf(scoring(0.9), {}, 'stored', seen);
    const shape = { format: 'MONO12P', width: 2, height: 2, stride: 4 } as const;
    const imageMediaType = rawMediaTypeOf({ kind: 'raw', bytes, ...shape });
    expect((await replay(rowOf({ imageMediaType }), ports, null)).kind).toBe('same');
    expect(seen.image).toMatchObject({ kind: 'raw', ...shape });
  });

  it('differs in a score beyond the tolerance, even where the verdict is the same', async () => {
    const replayed = await replay(rowOf(), portsOf(scoring(0.91)).ports, null);
    expect(replayed).toMatchObject({ kind: 'different', verdict: 'FAIL' });
  });

  it('differs in a verdict, even where the score is within the tolerance', async () => {
    const row = rowOf({ defectProbability: 0.6 });
    const replayed = await replay(row, portsOf(scoring(0.599)).ports, null);
    expect(replayed).toMatchObject({
      kind: 'different',
      verdict: 'REVIEW',
      detail: 'FAIL (0.6) became REVIEW (0.599)',
    });
  });

  it('differs where the model gives no number, and where the picture cannot be inspected now', async () => {
    const nan = await replay(rowOf(), portsOf(scoring(Number.NaN)).ports, null);
    expect(nan).toMatchObject({ kind: 'different', verdict: 'UNINSPECTED', probability: null });
    const faulted: TaskResult = { kind: 'faulted', reason: 'bad_image', detail: 'cut off' };
    const broken = await replay(rowOf(), portsOf(faulted).ports, null);
    expect(broken).toMatchObject({ kind: 'different', detail: 'FAIL became UNINSPECTED: bad_image: cut off' });
  });
});

describe('a replay with another model', () => {
  it('is the same where the verdict is, however far the score is, and a flip where it is not', async () => {
    const candidate = { package: found, cuts: { passBelow: 0.1, failAbove: 0.2 } };
    expect(await replay(rowOf(), portsOf(scoring(0.3)).ports, candidate)).toMatchObject({
      kind: 'same',
      tolerance: null,
      cuts: candidate.cuts,
    });
    expect(await replay(rowOf(), portsOf(scoring(0.05)).ports, candidate)).toMatchObject({
      kind: 'different',
      verdict: 'PASS',
    });
  });
});

describe('a replay is refused, and nothing is guessed', () => {
  it.each<[string, () => RecordedResult, Fate?]>([
    ['not_inspected', () => rowOf({ verdict: 'UNINSPECTED', reason: 'queue_full', defectProbability: null })],
    ['input_not_recorded', () => rowOf({ modelInput: null })],
    ['image_not_kept', () => rowOf({ imagePath: null })],
    ['image_removed', () => rowOf({ imagePath: 'gone.jpg' }), 'removed'],
    ['model_missing', () => rowOf({ model: { name: 'nothing', version: '1', sha256: 'a'.repeat(64) } })],
    ['model_changed', () => rowOf({ model: { name: 'mean-brightness', version: '1', sha256: 'a'.repeat(64) } })],
    ['model_changed', () => rowOf({ modelInput: { roi: null, contractSha256: 'a'.repeat(64) } })],
  ])('%s', async (why, row, fate) => {
    const replayed = await replay(row(), portsOf(scoring(0.9), {}, fate).ports, null);
    expect(replayed).toMatchObject({ kind: 'not_replayable', why });
  });

  it('where the model cannot be run here', async () => {
    const score = async () => {
      throw new ModelRefusedError('golden: off');
    };
    const replayed = await replay(rowOf(), portsOf(scoring(0.9), { score }).ports, null);
    expect(replayed).toEqual({ kind: 'not_replayable', why: 'model_refused', detail: 'golden: off' });
  });

  it('but does not hide a bug', async () => {
    const packageOf = async () => {
      throw new Error('a bug');
    };
    await expect(replay(rowOf(), portsOf(scoring(0.9), { packageOf }).ports, null)).rejects.toThrow('a bug');
  });
});

describe('a replay finds damage', () => {
  it('in a picture that should be there', async () => {
    const replayed = await replay(rowOf({ imagePath: 'gone.jpg' }), portsOf(scoring(0.9)).ports, null);
    expect(replayed).toMatchObject({ kind: 'damaged', why: 'image_missing' });
  });

  it('in a picture that was changed', async () => {
    const { ports, store } = portsOf(scoring(0.9));
    writeFileSync(path.join(store, 'images', 'x.jpg'), 'another picture');
    expect(await replay(rowOf(), ports, null)).toMatchObject({ kind: 'damaged', why: 'image_altered' });
  });
});
