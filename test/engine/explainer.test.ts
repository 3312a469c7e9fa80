/** The real process that explains, with real models. */

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { DEFECTS } from '../../src/demo/defect.ts';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { drawPart, PART_SIZE } from '../../src/demo/part.ts';
import {
  Explainer,
  ExplainerBusyError,
  ExplainerFailedError,
  type ExplainerOptions,
} from '../../src/engine/explainer.ts';
import type { Image } from '../../src/frame/frame.ts';
import type { HeatMap } from '../../src/frame/heat-map.ts';
import { loadModelPackage, type PackagedModel } from '../../src/model-repository/package.ts';
import { greyImage, SHIPPED_MODELS, TINY_MODELS } from '../support/pool.ts';

const running: Explainer[] = [];
afterEach(() => {
  for (const explainer of running.splice(0)) explainer.stop();
});

function explainerOf(over: Partial<ExplainerOptions> = {}): Explainer {
  const limits = { startTimeoutMs: 30_000, timeoutMs: 60_000, idleMs: 60_000, maxWaiting: 16 };
  const explainer = new Explainer({ maxPixels: 1_000_000, ...limits, ...over });
  running.push(explainer);
  return explainer;
}

async function modelOf(name: string, root = TINY_MODELS) {
  return (await loadModelPackage(root, name, '1')).engineModel;
}

function withFile(model: PackagedModel, change: Partial<PackagedModel['files'][number]>): PackagedModel {
  return { ...model, files: model.files.map((file) => ({ ...file, ...change })) };
}

/** Dark, the right lower quarter white. */
async function corner(): Promise<Image> {
  const { default: sharp } = await import('sharp');
  const level = (x: number, y: number) => (x >= 8 && y >= 8 ? 255 : 0);
  const pixels = Buffer.from(Array.from({ length: 256 }, (_, i) => level(i % 16, Math.floor(i / 16))));
  const bytes = await sharp(pixels, { raw: { width: 16, height: 16, channels: 1 } })
    .png()
    .toBuffer();
  return { kind: 'encoded', bytes };
}

describe('the explainer', () => {
  it('scores as an engine does, with the region', async () => {
    const explainer = explainerOf();
    const model = await modelOf('mean-brightness');
    const image = await corner();
    const whole = await explainer.explain({ model, image, roi: null, wantsMap: false }, true);
    expect(whole).toMatchObject({ kind: 'explained', heatMap: null });
    expect(whole.kind === 'explained' ? whole.probability : 0).toBeCloseTo(0.25, 1);
    const roi = { x: 0.5, y: 0.5, width: 0.5, height: 0.5 };
    expect(await explainer.explain({ model, image, roi, wantsMap: false }, true)).toMatchObject({ probability: 1 });
  });

  it("gives the graph's own map where it has one, placed on the picture", async () => {
    const model = await modelOf('mapped');
    const roi = { x: 0.5, y: 0, width: 0.5, height: 1 };
    const explained = await explainerOf().explain({ model, image: await corner(), roi, wantsMap: true }, true);
    expect(explained).toMatchObject({ heatMap: { method: 'activation_map', columns: 2, rows: 2, area: roi } });
    const { values = [] } = explained.kind === 'explained' ? (explained.heatMap ?? {}) : {};
    expect(values.map(Math.round)).toEqual([0, 0, 1, 1]);
  });

  it('says what a frame would be UNINSPECTED for', async () => {
    const explainer = explainerOf();
    const broken = { kind: 'encoded', bytes: new TextEncoder().encode('no picture') } as const;
    const task = { model: await modelOf('nan'), roi: null, wantsMap: true };
    expect(await explainer.explain({ ...task, image: broken }, true)).toMatchObject({ reason: 'unsupported_format' });
    const bright = await greyImage(250);
    expect(await explainer.explain({ ...task, image: bright }, true)).toMatchObject({ reason: 'model_output_invalid' });
  });

  it('fails one picture with the reason where the model is not fit, and goes on with the next', async () => {
    const explainer = explainerOf();
    const task = { image: await greyImage(51), roi: null, wantsMap: false };
    const good = await modelOf('mean-brightness');
    for (const [model, why] of [
      [await modelOf('golden-mismatch'), /golden: .*expected 0.7/],
      [withFile(good, { sha256: 'a'.repeat(64) }), /expected SHA-256 a+, found/],
      [withFile(good, { file: `${good.file}.gone` }), /ENOENT/],
      [await modelOf('wrong-shape'), /warm_up/],
    ] as const) {
      const failed = explainer.explain({ ...task, model }, true);
      await expect(failed).rejects.toBeInstanceOf(ExplainerFailedError);
      await expect(failed).rejects.toThrow(why);
    }
    expect(await explainer.explain({ ...task, model: good }, true)).toMatchObject({ kind: 'explained' });
  });

  it('ends a process that is too slow, and one that has nothing to do', async () => {
    const slow = explainerOf({ timeoutMs: 1 });
    const task = { model: await modelOf('slow'), image: await greyImage(51), roi: null, wantsMap: true };
    await expect(slow.explain(task, true)).rejects.toThrow('no answer within 1 ms');
    const never = explainerOf({ startTimeoutMs: 1 });
    await expect(never.explain(task, true)).rejects.toThrow('no answer within 1 ms');
    const idle = explainerOf({ idleMs: 1 });
    const quick = { ...task, model: await modelOf('mean-brightness') };
    await idle.explain(quick, true);
    await expect.poll(() => Reflect.get(idle, 'child'), { timeout: 5000 }).toBeNull();
    expect(await idle.explain(quick, true)).toMatchObject({ kind: 'explained' });
  });

  it('outlives its process', async () => {
    const explainer = explainerOf();
    const task = { model: await modelOf('mean-brightness'), image: await greyImage(51), roi: null, wantsMap: false };
    await explainer.explain(task, true);
    const { process: child } = Reflect.get(explainer, 'child') as { process: { kill(signal: string): void } };
    child.kill('SIGKILL');
    await expect.poll(() => Reflect.get(explainer, 'child'), { timeout: 5000 }).toBeNull();
    expect(await explainer.explain(task, true)).toMatchObject({ kind: 'explained' });
  });

  it('is bounded: what nobody asked for gives way, what people ask for goes first', async () => {
    const explainer = explainerOf({ maxWaiting: 4 });
    const task = { model: await modelOf('mean-brightness'), image: await greyImage(51), roi: null, wantsMap: false };
    const order: string[] = [];
    const note = (name: string, isAsked: boolean) => explainer.explain(task, isAsked).then(() => order.push(name));
    // The first is at work at once; two more nobody asked for may wait.
    const spare = [note('first', false), note('spare 1', false), note('spare 2', false)];
    await expect(explainer.explain(task, false)).rejects.toBeInstanceOf(ExplainerBusyError);
    const asked = [note('asked 1', true), note('asked 2', true)];
    await expect(explainer.explain(task, true)).rejects.toBeInstanceOf(ExplainerBusyError);
    await Promise.all([...spare, ...asked]);
    expect(order).toEqual(['first', 'asked 1', 'asked 2', 'spare 1', 'spare 2']);
  });

  it('fails what waits when it is stopped, and what comes after', async () => {
    const explainer = explainerOf();
    const task = { model: await modelOf('mean-brightness'), image: await greyImage(51), roi: null, wantsMap: false };
    const waiting = [explainer.explain(task, true), explainer.explain(task, true)];
    const ends = Promise.allSettled(waiting);
    explainer.stop();
    expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(explainer.explain(task, true)).rejects.toThrow('stopping');
  });
});

describe('a heat map of a drawn part', () => {
  const PARTS = 16;

  /** Where the part differs from the same part without its defect. */
  function defectOf(part: Uint8Array, good: Uint8Array): (column: number, row: number) => boolean {
    return (x, y) => {
      const at = (y * PART_SIZE + x) * 3;
      return Math.abs((part[at] ?? 0) - (good[at] ?? 0)) + Math.abs((part[at + 1] ?? 0) - (good[at + 1] ?? 0)) > 6;
    };
  }

  function touches({ columns, rows }: HeatMap, cell: number, isDefect: (x: number, y: number) => boolean): boolean {
    const [column, row] = [cell % columns, Math.floor(cell / columns)];
    for (let y = Math.max(0, row - 1) * (PART_SIZE / rows); y < Math.min(rows, row + 2) * (PART_SIZE / rows); y++) {
      for (
        let x = Math.max(0, column - 1) * (PART_SIZE / columns);
        x < Math.min(columns, column + 2) * (PART_SIZE / columns);
        x++
      ) {
        if (isDefect(Math.floor(x), Math.floor(y))) return true;
      }
    }
    return false;
  }

  /** The same model whose graph calls its map something else, so that it has none. */
  async function withoutMap(model: PackagedModel): Promise<PackagedModel> {
    const bytes = await readFile(model.file);
    const renamed = Buffer.from(bytes.toString('latin1').replaceAll('activation_map', 'activation_not'), 'latin1');
    const folder = await mkdtemp(path.join(tmpdir(), 'loupe-explainer-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'model.onnx');
    await writeFile(file, renamed);
    return withFile(model, { file, sha256: createHash('sha256').update(renamed).digest('hex') });
  }

  it.each(['activation_map', 'occlusion'])(
    'is hottest at the defect, by %s; its coldest cell is not',
    async (method) => {
      const explainer = explainerOf();
      const shipped = await modelOf('plate-demo', SHIPPED_MODELS);
      const model = method === 'occlusion' ? await withoutMap(shipped) : shipped;
      let seen = 0;
      let found = 0;
      let cold = 0;
      for (let i = 0; i < PARTS; i++) {
        const defect = DEFECTS[i % DEFECTS.length] ?? 'scratch';
        const part = drawPart(710_000 + i, defect);
        const isDefect = defectOf(part, drawPart(710_000 + i, 'none'));
        const image = { kind: 'encoded', bytes: await encodeJpeg(part, PART_SIZE) } as const;
        const explained = await explainer.explain({ model, image, roi: null, wantsMap: true }, true);
        if (explained.kind !== 'explained' || explained.heatMap === null) throw new Error(JSON.stringify(explained));
        const { heatMap } = explained;
        expect(heatMap).toMatchObject({ method, area: { x: 0, y: 0, width: 1, height: 1 } });
        if (explained.probability < 0.5) continue;
        seen += 1;
        if (touches(heatMap, heatMap.values.indexOf(Math.max(...heatMap.values)), isDefect)) found += 1;
        if (touches(heatMap, heatMap.values.indexOf(Math.min(...heatMap.values)), isDefect)) cold += 1;
      }
      expect(seen).toBeGreaterThan(PARTS / 2);
      expect(found / seen).toBeGreaterThan(0.7);
      expect(cold / seen).toBeLessThan(0.3);
    },
    120_000,
  );
});
