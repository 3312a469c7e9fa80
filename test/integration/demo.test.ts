/** `npm run demo`, short: four cameras, every frame answered, every part in the ledger and marked simulated. */

import path from 'node:path';
import { expect, it } from 'vitest';
import { StoreReader } from '../../src/record/store-reader.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { emptyFolder, loupe, ROOT, testSettings } from '../support/service-process.ts';

it('sends drawn parts from two gRPC and two MQTT cameras, and ends with a whole ledger', async () => {
  const store = emptyFolder();
  const settings = [...testSettings(store, 'plate-demo'), `models.path=${path.join(ROOT, 'models')}`];
  const sets = settings.flatMap((setting) => ['--set', setting]);
  const { code, stdout } = await loupe([
    'demo',
    '--json',
    '--duration',
    '4',
    '--fps',
    '3',
    '--defects',
    '0.5',
    ...sets,
  ]);
  expect(code).toBe(0);
  const [ready = '', summary = ''] = stdout.trim().split('\n');
  expect(JSON.parse(ready)).toMatchObject({ ready: true });
  const { frames, drawn } = (
    JSON.parse(summary) as { summary: { frames: number; drawn: Record<string, Record<string, number>> } }
  ).summary;
  expect(frames).toBeGreaterThan(12);
  for (const ends of Object.values(drawn)) expect(ends['error']).toBe(0);
  const report = await verifyStore(store);
  expect([report.findings, report.rows, report.outbox]).toEqual([[], frames, 0]);
  const reader = new StoreReader(store);
  const rows = reader.query({ limit: 1000 });
  reader.close();
  expect(rows.every((row) => row.isSimulated)).toBe(true);
  expect([...new Set(rows.map((row) => row.cameraId))].sort()).toEqual([
    'demo-grpc-1',
    'demo-grpc-2',
    'demo-mqtt-1',
    'demo-mqtt-2',
  ]);
}, 40_000);
