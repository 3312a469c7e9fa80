/** Names from outside are data: whatever they hold, they name no other topic, file, label or row than their own. */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, servicesOf, testSettings } from '../support/service-process.ts';
import { type Plant, stage } from './support/staged.ts';

const start = servicesOf(afterEach);

const NAMES = [
  'a/b',
  '+',
  '#',
  'a+b',
  'a#',
  'NUL\u0000in',
  '..',
  '../../etc/passwd',
  './x',
  '$SYS',
  `"quoted"`,
  `it's`,
  `'; DROP TABLE results; --`,
  '<img src=x onerror=alert(1)>',
  '=cmd()',
  'a\nb',
  '\u001b[31mred',
  'ünïcode',
  '😀',
  '\u202eright-to-left',
  ' ',
  'a b',
  '%2e%2e',
  'C:\\x',
  '-leading',
  '_proto',
  '__proto__',
  'x'.repeat(129),
];

/** @returns the names that were taken, and other traces of them */
async function complaints(bin?: string): Promise<string[]> {
  const store = emptyFolder();
  const service = await start([...testSettings(store), 'store.images.keep=all'], bin === undefined ? {} : { bin });
  const sender = await connectGrpcSender({ address: service.addresses.grpc });
  const camera = await mqtt.connectAsync(service.addresses.mqtt ?? '', { protocolVersion: 5 });
  const bytes = await greyPng(10);
  const found: string[] = [];
  const frame = { bytes, contentType: null, capturedAt: null, sequence: null, isSimulated: false };
  const publish = (topic: string, properties: object) =>
    camera.publishAsync(topic, Buffer.from(bytes), { qos: 1, properties }).catch(() => undefined);
  for (const name of NAMES) {
    for (const named of [
      { cameraId: name, frameId: 'f1' },
      { cameraId: 'cam-1', frameId: name },
    ]) {
      const outcome = await sender.send({ ...frame, ...named });
      const isRefused = outcome.kind === 'error' && outcome.code === 'invalid_request';
      if (!isRefused) found.push(`gRPC took ${JSON.stringify(named)}`);
      const query = new URLSearchParams({ camera_id: named.cameraId, frame_id: named.frameId });
      const posted = await fetch(`${service.addresses.http}/api/v1/frames?${query.toString()}`, {
        method: 'POST',
        body: Buffer.from(bytes),
      });
      if (posted.status !== 400) found.push(`HTTP answered ${posted.status} to ${JSON.stringify(named)}`);
    }
    // NUL its own library refuses; of topics it lets none with wildcards through, and the broker none that is no frame's.
    if (!name.includes('\u0000')) await publish('loupe/cam-1/frame', { userProperties: { 'frame-id': name } });
    if (!['+', '#', '\u0000'].some((one) => name.includes(one))) await publish(`loupe/${name}/frame/f1`, {});
  }
  const results = (await service.get('/api/v1/results')).text;
  const rows = (JSON.parse(results) as { results: { cameraId: string; frameId: string }[] }).results;
  for (const { cameraId, frameId } of rows) found.push(`recorded: ${JSON.stringify([cameraId, frameId])}`);
  const files = readdirSync(path.join(store, 'images'), { recursive: true, withFileTypes: true });
  if (files.some((file) => file.isFile() && !file.name.startsWith('.'))) found.push('an image file was written');
  await sender.close();
  await camera.endAsync();
  await service.end();
  const lines = service.stderr.split('\n').filter((line) => line.trim() !== '');
  for (const line of lines) if (!isJson(line)) found.push(`a forged line in the log: ${line}`);
  return found;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

const TAKES_ANY_NAME: Plant = { file: 'frame/identifiers.js', from: 'new RegExp(ID_PATTERN)', to: '/[^]/' };

describe('names with slashes, wildcards, quotes, markup and control characters', () => {
  it('are refused by gRPC, MQTT and HTTP, and leave no row, no file and no line of their own', async () => {
    expect(await complaints()).toEqual([]);
  }, 60_000);

  it('twin: a door that takes any name is found out', async () => {
    expect((await complaints(stage([TAKES_ANY_NAME]).bin)).join('\n')).toMatch(/gRPC took/);
  }, 60_000);
});

describe('a part id of quotes and markup', () => {
  it('comes back as it was sent, and is no label', async () => {
    const service = await start(testSettings(emptyFolder()));
    const partId = `<b onclick="x()">'4711'; --</b>`;
    const query = new URLSearchParams({ camera_id: 'cam-1', frame_id: 'f1', part_id: partId });
    const body = Buffer.from(await greyPng(10));
    const posted = await fetch(`${service.addresses.http}/api/v1/frames?${query.toString()}`, { method: 'POST', body });
    expect(await posted.json()).toMatchObject({ partId, verdict: 'PASS' });
    const listed = await service.get('/api/v1/results');
    expect((JSON.parse(listed.text) as { results: unknown[] }).results).toMatchObject([{ partId }]);
    expect((await service.get('/metrics')).text).not.toContain('4711');
  });
});
