/** Cuts changed at a real service: at once, signed, taken back, kept over a restart, and never carried to another model. */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpApi } from '../../src/client/http-api.ts';
import { HttpCuts } from '../../src/client/http-cuts.ts';
import { HttpModels } from '../../src/client/http-models.ts';
import type { LoupeError } from '../../src/errors.ts';
import {
  emptyFolder,
  loupe,
  type ServiceProcess,
  servicesOf,
  TEST_MODELS,
  testSettings,
} from '../support/service-process.ts';

const start = servicesOf(afterEach);
const GREY = readFileSync(path.join(TEST_MODELS, 'mean-brightness', '1', 'golden', 'grey-102.png'));

let store = '';
let models = '';
let settings: string[] = [];
beforeEach(() => {
  store = emptyFolder();
  models = path.join(emptyFolder(), 'models');
  mkdirSync(models);
  const first = path.join(models, 'mean-brightness', '1');
  cpSync(path.join(TEST_MODELS, 'mean-brightness', '1'), first, { recursive: true });
  const second = path.join(models, 'mean-brightness', '2');
  cpSync(first, second, { recursive: true });
  const manifest = path.join(second, 'manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"version": "1"', '"version": "2"'));
  settings = [...testSettings(store), `models.path=${models}`];
});

let frames = 0;
/** The grey picture scores 0.4. */
async function verdict(service: ServiceProcess): Promise<string> {
  const response = await fetch(`${service.addresses.http}/api/v1/frames?camera_id=cam-1&frame_id=f-${frames++}`, {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body: GREY,
  });
  const body = (await response.json()) as { verdict: string; passBelow: number; failAbove: number };
  return `${body.verdict} ${body.passBelow}/${body.failAbove}`;
}

const at = (service: ServiceProcess) => new HttpApi({ url: service.addresses.http, token: null });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => (error as LoupeError).code,
  );
const wish = (passBelow: number, failAbove: number, revision: string | null = null) => ({
  recipe: 'default',
  cuts: { passBelow, failAbove },
  reason: 'the rim',
  revision,
});

describe('cuts at a running service', { timeout: 60_000 }, () => {
  it('change at once, stand in the row, are taken back, and every step is kept with who and why', async () => {
    const pinned = [...settings, 'recipes.default.version="1"'];
    const service = await start(pinned);
    const cuts = new HttpCuts(at(service));
    const [before] = await cuts.list();
    expect(before).toMatchObject({ recipe: 'default', source: 'model', change: null, cuts: before?.base });
    const suggested = `${before?.cuts.passBelow}/${before?.cuts.failAbove}`;
    const judged = await verdict(service);
    expect(judged.endsWith(suggested)).toBe(true);

    const changed = await cuts.set(wish(0.1, 0.3, before?.revision), 'ann');
    expect(changed).toMatchObject({ source: 'chosen', change: { by: 'ann', reason: 'the rim', kind: 'set' } });
    expect(await verdict(service)).toBe('FAIL 0.1/0.3');
    await cuts.set(wish(0.41, 0.9), 'bob');
    expect(await verdict(service)).toBe('PASS 0.41/0.9');

    expect(await codeOf(cuts.set(wish(0.2, 0.3, changed.revision), 'ann'))).toBe('cuts_changed');
    expect(await codeOf(cuts.set(wish(0.41, 0.9), 'ann'))).toBe('invalid_request');
    expect(await codeOf(cuts.set(wish(0.5, 0.4), 'ann'))).toBe('invalid_request');
    expect(await codeOf(cuts.set(wish(-0.1, 0.4), 'ann'))).toBe('invalid_request');
    expect(await codeOf(cuts.set({ ...wish(0.2, 0.4), reason: ' ' }, 'ann'))).toBe('invalid_request');
    expect(await codeOf(cuts.set({ ...wish(0.2, 0.4), recipe: 'constructor' }, 'ann'))).toBe('recipe_not_found');
    const unsigned = await fetch(`${service.addresses.http}/api/v1/recipes/default/cuts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ passBelow: 0.2, failAbove: 0.4, reason: 'x' }),
    });
    expect([unsigned.status, await unsigned.text()]).toEqual([400, expect.stringContaining('who signs') as string]);
    expect(await verdict(service)).toBe('PASS 0.41/0.9');
    const samples = await service.samples();
    expect(samples.get('inspection_recipe_cut{recipe="default",cut="fail_above"}')).toBe(0.9);
    expect(samples.get('inspection_cut_changes_total{recipe="default"}')).toBe(2);

    await service.end('SIGKILL');
    const again = await start(pinned);
    expect(await verdict(again)).toBe('PASS 0.41/0.9');
    const later = new HttpCuts(at(again));
    const revert = { recipe: 'default', reason: 'too soft', revision: null };
    expect((await later.revert(revert, 'ann')).cuts).toEqual({ passBelow: 0.1, failAbove: 0.3 });
    expect(await verdict(again)).toBe('FAIL 0.1/0.3');
    expect(await later.revert(revert, 'ann')).toMatchObject({ source: 'model', change: null });
    expect((await verdict(again)).endsWith(suggested)).toBe(true);
    expect(await codeOf(later.revert(revert, 'ann'))).toBe('invalid_request');
    expect((await later.history(null)).map(({ seq, kind, by, reason }) => [seq, kind, by, reason])).toEqual([
      [1, 'set', 'ann', 'the rim'],
      [2, 'set', 'bob', 'the rim'],
      [3, 'revert', 'ann', 'too soft'],
      [4, 'revert', 'ann', 'too soft'],
    ]);
  });

  it('are not carried over to another model, and come back with the one they were chosen for', async () => {
    const service = await start([...settings, 'recipes.default.pass_below=0.45', 'recipes.default.fail_above=0.5']);
    const cuts = new HttpCuts(at(service));
    await cuts.set(wish(0.1, 0.3), 'ann');
    const control = new HttpModels(at(service));
    const first = { name: 'mean-brightness', version: '1', recipe: 'default' };
    expect(await control.activate(first)).toMatchObject([{ cuts: { passBelow: 0.45, failAbove: 0.5 } }]);
    expect(await verdict(service)).toBe('PASS 0.45/0.5');
    expect(await cuts.list()).toMatchObject([{ source: 'configuration', change: null }]);
    expect(await control.rollback('default')).toMatchObject([{ cuts: { passBelow: 0.1, failAbove: 0.3 } }]);
    expect(await verdict(service)).toBe('FAIL 0.1/0.3');
  });

  it('give way where the configuration is changed, for good, and the journal says so', async () => {
    const configured = (pass: number) => [
      ...settings,
      `recipes.default.pass_below=${pass}`,
      'recipes.default.fail_above=0.9',
    ];
    const service = await start(configured(0.5));
    await new HttpCuts(at(service)).set(wish(0.1, 0.3), 'ann');
    await service.end();
    const changed = await start(configured(0.45));
    expect(await verdict(changed)).toBe('PASS 0.45/0.9');
    await changed.end();
    const back = await start(configured(0.5));
    expect(await verdict(back)).toBe('PASS 0.5/0.9');
    expect((await new HttpCuts(at(back)).history('default')).map(({ kind, by }) => `${kind} ${by}`)).toEqual([
      'set ann',
      'configuration service',
    ]);
  });
});

describe('loupe cuts', { timeout: 60_000 }, () => {
  const folders = () => ['--store', store, '--models', models, '--set', 'recipes.default.model=mean-brightness'];

  it('lists, sets, shows and takes back, at a running service and on the folders of a stopped one', async () => {
    const off = ['--set', 'engine.provider=cpu', ...folders()];
    const set = await loupe(['cuts', 'set', 'default', '0.1', '0.3', '--reason', 'rim', ...off]);
    expect([set.code, set.stderr, set.stdout]).toEqual([0, '', expect.stringContaining('PASS below 0.1') as string]);
    expect((await loupe(['cuts', 'set', 'default', '0.5', '0.3', '--reason', 'x', ...off])).stderr).toContain(
      'pass_below <= fail_above',
    );
    expect((await loupe(['cuts', 'set', 'default', '0.5', '0.6', ...off])).code).toBe(2);
    expect((await loupe(['cuts', 'set', 'none', '0.5', '0.6', '--reason', 'x', ...off])).stderr).toContain('no recipe');

    const service = await start(settings);
    expect(await verdict(service)).toBe('FAIL 0.1/0.3');
    const busy = await loupe(['cuts', 'revert', 'default', '--reason', 'x', ...off]);
    expect([busy.code, busy.stderr]).toEqual([69, expect.stringContaining('--http') as string]);
    const http = ['--http', service.addresses.http];
    expect((await loupe(['cuts', 'list', ...http])).stdout).toContain('chosen');
    expect((await loupe(['cuts', 'revert', 'default', '--reason', 'enough', ...http])).code).toBe(0);
    expect((await loupe(['cuts', 'history', ...http])).stdout).toContain('enough');
    const listed = JSON.parse((await loupe(['cuts', 'list', '--json', ...http])).stdout) as unknown;
    expect(listed).toMatchObject([{ recipe: 'default', source: 'model' }]);
    expect((await loupe(['cuts', 'list', '--http', 'http://127.0.0.1:9'])).code).toBe(69);
  });
});
