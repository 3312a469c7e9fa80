/** A real service whose camera gets dark, blurred, frozen: it says so everywhere, and a new baseline ends it. */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { drawPart, PART_SIZE } from '../../src/demo/part.ts';
import { DriftDesk, type DriftEvent } from '../../src/wiring/drift-desk.ts';
import { recordedOf } from '../support/frames.ts';
import { emptyFolder, loupe, ROOT, type ServiceProcess, servicesOf, testSettings } from '../support/service-process.ts';

const start = servicesOf(afterEach);
let seed = 60_000;

async function jpeg(change: (image: Sharp) => Sharp = (image) => image): Promise<Uint8Array> {
  const raw = { width: PART_SIZE, height: PART_SIZE, channels: 3 } as const;
  return change(sharp(drawPart(seed++, 'none'), { raw }))
    .jpeg({ quality: 90 })
    .toBuffer();
}

let frames = 0;
async function send(service: ServiceProcess, camera: string, body: Uint8Array, isNamed = true): Promise<void> {
  const name = isNamed ? `&frame_id=f${frames++}` : '';
  const url = `${service.addresses.http}/api/v1/frames?camera_id=${camera}${name}`;
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } });
  expect(response.status).toBe(200);
}

async function sendMany(service: ServiceProcess, camera: string, count: number, change?: (image: Sharp) => Sharp) {
  for (let i = 0; i < count; i++) await send(service, camera, await jpeg(change));
}

async function get<T>(service: ServiceProcess, where: string): Promise<T> {
  return JSON.parse((await service.get(where)).text) as T;
}

const settingsOf = (store: string) => [
  ...testSettings(store, 'plate-demo'),
  `models.path=${path.join(ROOT, 'models')}`,
  'drift.baseline_frames=50',
  'heat_maps.per_minute=0',
  'cameras=[{"id":"cam-1"},{"id":"cam-2"},{"id":"cam-5"}]',
];

describe('drift at a real service', () => {
  it('says what a camera does otherwise, on every road, keeps baselines, and learns anew when told', async () => {
    const store = emptyFolder();
    const service = await start(settingsOf(store));
    for (const camera of ['cam-1', 'cam-2']) await sendMany(service, camera, 50);
    await sendMany(service, 'cam-1', 55);
    const drift = () =>
      get<{ cameras: { cameraId: string; sentences: string[]; conditions: { kind: string }[] }[] }>(
        service,
        '/api/v1/drift',
      );
    expect((await drift()).cameras.map(({ cameraId, sentences }) => [cameraId, sentences])).toEqual([
      ['cam-1', []],
      ['cam-2', []],
    ]);

    await sendMany(service, 'cam-2', 55, (image) => image.linear(0.75, 0));
    const said = /^Camera cam-2 is darker than its baseline by 2\d %\.$/;
    const { drift: sentences } = await get<{ drift: string[] }>(service, '/api/v1/status');
    expect(sentences.filter((sentence) => said.test(sentence))).toHaveLength(1);
    expect(sentences.filter((sentence) => sentence.includes('cam-1'))).toEqual([]);
    const { cameras } = await get<{ cameras: { cameraId: string; conditions: { kind: string }[] }[] }>(
      service,
      '/api/v1/cameras',
    );
    const kinds = cameras.find(({ cameraId }) => cameraId === 'cam-2')?.conditions.map(({ kind }) => kind);
    expect(kinds).toContain('brightness');
    const samples = await service.samples();
    expect(samples.get('inspection_camera_drifting{camera="cam-2",kind="brightness"}')).toBe(1);
    expect(samples.get('inspection_cameras_drifting{kind="brightness"}')).toBe(1);
    expect(samples.has('inspection_camera_drifting{camera="cam-1",kind="brightness"}')).toBe(false);

    await sendMany(service, 'cam-1', 55, (image) => image.blur(2));
    const { stdout } = await loupe(['drift', '--http', service.addresses.http]);
    expect(stdout).toMatch(/Camera cam-1 is less sharp than its baseline by \d\d %\./);
    expect(stdout).toMatch(/cam-2.*-2\d %/);

    const same = await jpeg();
    for (let i = 0; i < 5; i++) {
      await send(service, 'cam-3', same);
      await send(service, 'cam-4', same, false);
    }
    for (const camera of ['cam-3', 'cam-4']) {
      expect((await drift()).cameras.find(({ cameraId }) => cameraId === camera)?.sentences).toEqual([
        `Camera ${camera} has sent the very same picture 5 times in a row.`,
      ]);
    }

    for (let i = 0; i < 6; i++) await send(service, 'cam-5', same);
    const frozen = await get<{ results: { reason: string | null }[] }>(service, '/api/v1/results?camera=cam-5');
    expect(frozen.results.map(({ reason }) => reason)).toEqual([
      'frozen_camera',
      'frozen_camera',
      null,
      null,
      null,
      null,
    ]);

    await service.end();
    const kept = JSON.parse(readFileSync(path.join(store, 'drift.json'), 'utf8')) as { baselines: object };
    expect(Object.keys(kept.baselines).sort()).toEqual(['cam-1', 'cam-2']);
    const again = await start(settingsOf(store));
    const args = ['--http', again.addresses.http];
    const anew = await loupe(['drift', 'baseline', '--camera', 'cam-2', ...args]);
    expect([anew.code, anew.stdout]).toEqual([0, 'learning anew: cam-2\n']);
    const shown = await get<{ cameras: { cameraId: string; baseline: object | null }[] }>(again, '/api/v1/drift');
    expect(shown.cameras.map(({ cameraId, baseline }) => [cameraId, baseline === null])).toEqual([
      ['cam-1', false],
      ['cam-2', true],
    ]);
    const unknown = await loupe(['drift', 'baseline', '--camera', 'nobody', ...args]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('camera "nobody" has sent no frame')]);
    const nowhere = await loupe(['drift', '--http', 'http://127.0.0.1:9']);
    expect([nowhere.code, nowhere.stderr]).toEqual([69, expect.stringContaining('no answer')]);
  }, 120_000);
});

describe('baselines on the disk', () => {
  it('that cannot be read or kept are reported, and learned anew', async () => {
    const store = emptyFolder();
    writeFileSync(path.join(store, 'drift.json'), '{"schema":"loupe.drift/1","baselines":{"a":{}}}');
    const events: DriftEvent[] = [];
    const options = { baselineFrames: 50, now: () => 0, onEvent: (event: DriftEvent) => events.push(event) };
    const desk = new DriftDesk({ ...options, store });
    expect(events.map(({ kind }) => kind)).toEqual(['drift_baselines_unreadable']);
    expect(desk.list()).toEqual([]);
    const gone = new DriftDesk({ ...options, store: path.join(store, 'nowhere') });
    expect(events).toHaveLength(1);
    const look = { brightness: 100, contrast: 10, focus: 10 };
    for (let i = 0; i < 50; i++) {
      gone.offer({ imageSha256: String(i), recipeId: null, roi: null }, recordedOf({ cameraId: 'a' }), look);
    }
    await gone.settled();
    expect(events.slice(1).map(({ kind }) => kind)).toEqual(['drift_baselines_changed', 'drift_baselines_not_kept']);
    expect(gone.list()).toMatchObject([{ cameraId: 'a', learned: 50, conditions: [] }]);
  });
});
