/** A candidate beside the model that decides, at a real service. */

import { mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpApi } from '../../src/client/http-api.ts';
import { HttpModels } from '../../src/client/http-models.ts';
import { HttpShadows } from '../../src/client/http-shadows.ts';
import type { LoupeError } from '../../src/errors.ts';
import { nextOf, packageAt } from '../support/packages.ts';
import {
  emptyFolder,
  loupe,
  type ServiceProcess,
  servicesOf,
  TEST_MODELS,
  testSettings,
  TWO_ENGINES,
} from '../support/service-process.ts';

const start = servicesOf(afterEach);
const bright = readFileSync(path.join(TEST_MODELS, 'mean-brightness', '1', 'golden', 'grey-204.png'));
const dark = readFileSync(path.join(TEST_MODELS, 'mean-brightness', '1', 'golden', 'grey-51.png'));

let root = '';
let store = '';
let settings: string[] = [];
beforeEach(() => {
  root = path.join(emptyFolder(), 'models');
  store = emptyFolder();
  mkdirSync(root);
  packageAt(path.join(root, 'mean-brightness', '1'), 'mean-brightness');
  // Fails what the first one passes: a dark picture, of probability 0.2.
  packageAt(path.join(root, 'mean-brightness', '2'), 'mean-brightness', (manifest) => ({
    ...nextOf('2')(manifest),
    cuts: { pass_below: 0.1, fail_above: 0.15 },
  }));
  settings = [...testSettings(store), TWO_ENGINES, `models.path=${root}`, 'recipes.default.version="1"'];
});

async function frame(service: ServiceProcess, id: string, image: Buffer) {
  const response = await fetch(
    `${service.addresses.http}/api/v1/frames?camera_id=cam-1&frame_id=${id}&part_id=p-${id}`,
    {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(image),
    },
  );
  const body = (await response.json()) as { verdict: string; resultId: string; model: { version: string } };
  expect(response.status).toBe(200);
  return { verdict: body.verdict, resultId: body.resultId, version: body.model.version };
}

const apiOf = (service: ServiceProcess) => new HttpApi({ url: service.addresses.http, token: null });
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => (error as LoupeError).code,
  );
const candidate = { name: 'mean-brightness', version: '2', recipe: null };

async function compared(shadows: HttpShadows, frames: number) {
  await expect
    .poll(
      async () => {
        const [one] = await shadows.list();
        return (one?.counts.agreed ?? 0) + (one?.counts.disagreed ?? 0) + (one?.counts.failed ?? 0);
      },
      { timeout: 20_000 },
    )
    .toBe(frames);
  const [one] = await shadows.list();
  return one;
}

describe('a shadow', { timeout: 120_000 }, () => {
  it('scores what was answered, decides nothing, keeps the pictures it differs on, and comes back with the service', async () => {
    const service = await start(settings);
    const shadows = new HttpShadows(apiOf(service));
    expect(await shadows.list()).toEqual([]);
    expect(await shadows.start(candidate)).toMatchObject({
      recipe: 'default',
      by: 'anyone',
      model: { version: '2' },
      cuts: { failAbove: 0.15 },
      down: null,
    });
    const first = await frame(service, 'a', dark);
    expect(first).toMatchObject({ verdict: 'PASS', version: '1' });
    await compared(shadows, 1);
    expect(await frame(service, 'b', bright)).toMatchObject({ verdict: 'FAIL', version: '1' });
    // The same frame again is no further frame.
    await frame(service, 'b', bright);
    expect((await compared(shadows, 2))?.counts).toMatchObject({ agreed: 1, disagreed: 1, failed: 0, unkept: 0 });

    const found = await shadows.disagreements('default', 10);
    expect(found).toMatchObject([
      {
        resultId: first.resultId,
        partId: 'p-a',
        activeModel: 'mean-brightness/1',
        active: { verdict: 'PASS' },
        candidateModel: 'mean-brightness/2',
        candidate: { verdict: 'FAIL' },
      },
    ]);
    const picture = `${service.addresses.http}/api/v1/shadows/default/disagreements/${first.resultId}/image`;
    expect(Buffer.from(await (await fetch(picture)).arrayBuffer()).equals(dark)).toBe(true);
    const unknown = picture.replace(first.resultId, '01900000-0000-7000-8000-000000000000');
    expect((await fetch(unknown)).status).toBe(404);
    const samples = await service.samples();
    const series = 'inspection_shadow_frames_total{recipe="default",model="mean-brightness/2",outcome="disagreed"}';
    expect(samples.get(series)).toBe(1);

    const told = await loupe(['models', 'shadow', '--http', service.addresses.http]);
    expect(told.stdout).toMatch(/mean-brightness\/2 beside recipe default .*agreed 1 \(50\.0 %\), disagreed 1/);
    expect(told.stdout).toMatch(/cam-1\/a: PASS 0\.200, candidate FAIL 0\.200/);

    const models = new HttpModels(apiOf(service));
    expect(await refusalOf(models.remove('mean-brightness', '2'))).toBe('model_in_use');
    await service.end();

    const again = await start(settings);
    const later = new HttpShadows(apiOf(again));
    await expect.poll(async () => (await later.list()).length, { timeout: 20_000 }).toBe(1);
    expect(await later.disagreements('default', 10)).toHaveLength(1);
    const stopped = await loupe(['models', 'shadow', '--stop', '--http', again.addresses.http]);
    expect(stopped.stdout).toMatch(/^stopped: mean-brightness\/2 beside recipe default/);
    await again.end();

    const third = await start(settings);
    expect(await new HttpShadows(apiOf(third)).list()).toEqual([]);
  });

  it('is refused where it cannot be, and the line goes on', async () => {
    packageAt(path.join(root, 'mean-brightness', '3'), 'golden-mismatch', nextOf('3'));
    const service = await start(settings);
    const shadows = new HttpShadows(apiOf(service));
    expect(await refusalOf(shadows.start({ ...candidate, version: '3' }))).toBe('model_refused');
    const refused = () => service.log.filter(({ event }) => event === 'shadow_refused');
    await expect.poll(refused).toMatchObject([{ level: 'warn', recipe: 'default', model: 'mean-brightness/3' }]);
    expect(refused()[0]?.['detail']).toContain('golden');
    expect(await refusalOf(shadows.start({ ...candidate, version: '1' }))).toBe('model_in_use');
    expect(await refusalOf(shadows.start({ ...candidate, version: '9' }))).toBe('model_not_found');
    expect(await refusalOf(shadows.start({ ...candidate, recipe: 'other' }))).toBe('recipe_not_found');
    expect(await refusalOf(shadows.stop('default'))).toBe('model_not_found');
    expect(await refusalOf(shadows.disagreements('default', 10))).toBe('model_not_found');
    expect(await shadows.list()).toEqual([]);
    packageAt(path.join(root, 'mean-brightness', '4'), 'slow', nextOf('4'));
    const starting = shadows.start({ ...candidate, version: '4' });
    await expect.poll(() => service.engines.length).toBe(3);
    const models = new HttpModels(apiOf(service));
    await expect(models.remove('mean-brightness', '4')).rejects.toMatchObject({
      code: 'model_in_use',
      message: expect.stringContaining('mean-brightness/4 is being proven as a shadow of default'),
    });
    expect(await starting).toMatchObject({ model: { version: '4' }, down: null });
    await expect(models.remove('mean-brightness', '4')).rejects.toThrow(
      'is the shadow of default; stop the shadow first',
    );
    await shadows.stop('default');
    expect(await frame(service, 'a', dark)).toMatchObject({ verdict: 'PASS', version: '1' });
    const without = await loupe(['models', 'shadow', 'mean-brightness/2']);
    expect(without).toMatchObject({ code: 2 });
    expect(without.stderr).toContain('--http URL');
  });

  it('that cannot be noted is refused, and the one at work goes on', async () => {
    packageAt(path.join(root, 'mean-brightness', '3'), 'mean-brightness', nextOf('3'));
    const service = await start(settings);
    const shadows = new HttpShadows(apiOf(service));
    await shadows.start(candidate);
    await frame(service, 'a', dark);
    await compared(shadows, 1);
    const journal = path.join(store, 'shadows.jsonl');
    renameSync(journal, `${journal}.kept`);
    mkdirSync(journal);
    await expect(shadows.start({ ...candidate, version: '3' })).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('could not be noted and was not started'),
    });
    const refused = () => service.log.filter(({ event }) => event === 'shadow_refused');
    await expect.poll(refused).toMatchObject([{ recipe: 'default', model: 'mean-brightness/3' }]);
    await frame(service, 'b', dark);
    expect(await compared(shadows, 2)).toMatchObject({ model: { version: '2' }, down: null });
    expect(await shadows.disagreements('default', 10)).toHaveLength(2);
    // Engines of the line and of the one shadow: nothing is left of the one that was refused.
    await expect.poll(() => service.engines.length).toBe(3);

    rmdirSync(journal);
    renameSync(`${journal}.kept`, journal);
    expect(await shadows.start({ ...candidate, version: '3' })).toMatchObject({ model: { version: '3' } });
    await expect.poll(() => service.engines.length).toBe(3);
    expect(await shadows.list()).toMatchObject([{ model: { version: '3' } }]);
  });

  it('that cannot come back is said, and stops nothing', async () => {
    const service = await start(settings);
    await new HttpShadows(apiOf(service)).start(candidate);
    await service.end();
    writeFileSync(path.join(root, 'mean-brightness', '2', 'model.onnx'), 'changed');
    const again = await start(settings);
    await expect
      .poll(() => again.log.find(({ event }) => event === 'shadow_not_resumed'), { timeout: 20_000 })
      .toBeDefined();
    expect(await frame(again, 'a', dark)).toMatchObject({ verdict: 'PASS' });
  });
});
