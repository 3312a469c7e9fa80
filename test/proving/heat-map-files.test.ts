import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { HeatMap } from '../../src/frame/heat-map.ts';
import { HeatMapFiles } from '../../src/proving/heat-map-files.ts';
import { recordedOf } from '../support/frames.ts';
import { emptyFolder } from '../support/service-process.ts';

const heatMap: HeatMap = {
  method: 'occlusion',
  columns: 1,
  rows: 1,
  values: [0.5],
  area: { x: 0, y: 0, width: 1, height: 1 },
  probability: 0.9,
};

it('a heat map is kept beside its picture, and nowhere once retention took the picture, or its whole folder', async () => {
  const store = emptyFolder();
  const hour = path.join(store, 'images', '2026', '11', '24', '00');
  const result = recordedOf({ imagePath: '2026/11/24/00/r1.png' });
  const files = new HeatMapFiles(store);
  await files.keep(result, heatMap);
  expect(existsSync(hour)).toBe(false);
  mkdirSync(hour, { recursive: true });
  await files.keep(result, heatMap);
  expect(readdirSync(hour)).toEqual([]);
  writeFileSync(path.join(hour, 'r1.png'), '');
  await files.keep(result, heatMap);
  expect(readdirSync(hour).sort()).toEqual(['r1.heat.json', 'r1.png']);
  expect(await files.read(result)).toEqual(heatMap);
});
