/** A real service: the verdict made again, and where the model saw the defect; the line goes on meanwhile. */

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heatMapAnswerSchema, replayedSchema } from '../../src/dashboard/proving-routes.ts';
import { encodeJpeg } from '../../src/demo/jpeg.ts';
import { drawPart, PART_SIZE } from '../../src/demo/part.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { emptyFolder, loupe, ROOT, ServiceProcess, testSettings } from '../support/service-process.ts';

const store = emptyFolder();
let service: ServiceProcess;
beforeAll(async () => {
  service = await ServiceProcess.start([
    ...testSettings(store, 'plate-demo'),
    `models.path=${path.join(ROOT, 'models')}`,
    'store.images.keep=all',
    'heat_maps.per_minute=1',
  ]);
});
afterAll(() => service.end('SIGKILL'));

interface Sent {
  readonly resultId: string;
  readonly verdict: string;
  readonly image: { readonly path: string };
}

async function send(frameId: string, body: Uint8Array | string): Promise<Sent> {
  const url = `${service.addresses.http}/api/v1/frames?camera_id=cam-1&frame_id=${frameId}`;
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } });
  return (await response.json()) as Sent;
}

async function ask(where: string, method = 'GET') {
  const response = await fetch(`${service.addresses.http}${where}`, { method });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const part = async (seed: number, defect: 'none' | 'dent') => encodeJpeg(drawPart(seed, defect), PART_SIZE);
const heatMapOf = ({ image }: Sent) => path.join(store, 'images', image.path.replace(/\.jpg$/, '.heat.json'));

describe('a result of a running service', () => {
  it('gets its heat map unasked where it did not pass, within the budget, and anyone when asked', async () => {
    const bad = await send('bad', await part(900_006, 'dent'));
    expect(bad.verdict).toBe('FAIL');
    await expect.poll(() => existsSync(heatMapOf(bad)), { timeout: 30_000 }).toBe(true);
    const { status, json } = await ask(`/api/v1/results/${bad.resultId}/heatmap?make=false`);
    expect(status).toBe(200);
    expect(heatMapAnswerSchema.parse(json)).toMatchObject({
      resultId: bad.resultId,
      method: 'activation_map',
      columns: 24,
    });
    const more = await send('more', await part(900_106, 'dent'));
    const samples = await service.samples();
    expect(samples.get('inspection_heat_maps_total{outcome="made"}')).toBe(1);
    expect(samples.get('inspection_heat_maps_total{outcome="skipped"}')).toBe(1);
    expect((await ask(`/api/v1/results/${more.resultId}/heatmap?make=false`)).status).toBe(404);
    expect((await ask(`/api/v1/results/${more.resultId}/heatmap`)).status).toBe(200);
    expect(existsSync(heatMapOf(more))).toBe(true);
  }, 60_000);

  it('is decided again: the same, or not to be replayed', async () => {
    const good = await send('good', await part(900_002, 'none'));
    const { json } = await ask(`/api/v1/results/${good.resultId}/replay`, 'POST');
    expect(replayedSchema.parse(json)).toMatchObject({ kind: 'same', model: 'plate-demo/1', verdict: good.verdict });
    const text = await send('text', 'no picture');
    expect((await ask(`/api/v1/results/${text.resultId}/replay`, 'POST')).json).toMatchObject({
      kind: 'not_replayable',
      why: 'not_inspected',
    });
    expect(await ask('/api/v1/results/nothing/replay', 'POST')).toMatchObject({
      status: 404,
      json: { code: 'result_not_found' },
    });
    expect(await ask(`/api/v1/results/${text.resultId}/heatmap`)).toMatchObject({
      status: 409,
      json: { code: 'not_replayable' },
    });
    expect((await ask(`/api/v1/results/${good.resultId}/heatmap?make=perhaps`)).status).toBe(400);
    const samples = await service.samples();
    expect(samples.get('inspection_replays_total{outcome="same"}')).toBe(1);
    expect(samples.get('inspection_replays_total{outcome="not_replayable"}')).toBe(1);
  }, 60_000);

  it('is proven on one sheet, saved as a file', async () => {
    const good = await send('sheet', await part(900_001, 'none'));
    const response = await fetch(`${service.addresses.http}/api/v1/results/${good.resultId}/proof.html`);
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="proof-${good.resultId}.html"`);
    const html = await response.text();
    expect(html).toContain('✓ the same verdict');
    expect(html).toContain('data:image/jpeg;base64,');
    expect((await ask('/api/v1/results/nothing/proof.html')).status).toBe(404);
  }, 60_000);

  it('says so when its picture was changed', async () => {
    const changed = await send('changed', await part(900_003, 'none'));
    writeFileSync(path.join(store, 'images', changed.image.path), 'another');
    expect((await ask(`/api/v1/results/${changed.resultId}/replay`, 'POST')).json).toMatchObject({
      kind: 'damaged',
      why: 'image_altered',
    });
    expect(service.log.some(({ msg, event }) => (event ?? msg) === 'replay_not_the_same')).toBe(true);
  });

  it('leaves a store that verify finds whole but for what was changed', async () => {
    const { findings } = await verifyStore(store);
    expect(findings.map(({ kind }) => kind)).toEqual(['image_altered']);
    const left = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp'));
    expect(left).toEqual([]);
  });
});

describe('loupe heatmap', () => {
  it('prints the grid of a file, and says what is wrong with one', async () => {
    const file = path.join(emptyFolder(), 'part.jpg');
    writeFileSync(file, await part(900_006, 'dent'));
    const models = ['--set', `models.path=${path.join(ROOT, 'models')}`];
    const { stdout, code } = await loupe(['heatmap', file, '--model', 'plate-demo', '--json', ...models]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ method: 'activation_map', columns: 24, rows: 24 });
    const text = await loupe(['heatmap', file, '--model', 'plate-demo', ...models]);
    expect(text.stdout.split('\n')).toHaveLength(26);
    expect(text.stdout).toContain('@@');
    for (const [args, why] of [
      [[`${file}.gone`, '--model', 'plate-demo'], 'ENOENT'],
      [[file, '--model', 'nothing'], 'model nothing'],
      [[path.join(ROOT, 'README.md'), '--model', 'plate-demo'], 'unsupported_format'],
    ] as const) {
      const failed = await loupe(['heatmap', ...args, ...models]);
      expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining(why)]);
    }
  }, 60_000);
});
