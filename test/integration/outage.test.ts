/** What fails around the service: its disk, its broker, and a kill in the middle of MQTT. */

import { renameSync, writeFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import type { OutgoingFrame } from '../../src/client/sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { greyPng } from '../support/images.ts';
import { emptyFolder, type ServiceProcess, servicesOf, testSettings, total } from '../support/service-process.ts';

const PATIENT = { timeout: 15_000 };
const start = servicesOf(afterEach);

async function frame(frameId: string, cameraId = 'cam-1'): Promise<OutgoingFrame> {
  const bytes = await greyPng(200);
  return { cameraId, frameId, bytes, contentType: 'image/png', capturedAt: null, sequence: null, isSimulated: false };
}

describe('a store that cannot be written', () => {
  it('gets no acknowledgement, makes the service unready, and recovers by itself', async () => {
    const store = emptyFolder();
    const service = await start([...testSettings(store), 'store.images.keep=all']);
    const sender = await connectGrpcSender({ address: service.addresses.grpc });
    expect(await sender.send(await frame('before'))).toMatchObject({ kind: 'answered', verdict: 'FAIL' });

    const images = path.join(store, 'images');
    renameSync(images, `${images}.away`);
    writeFileSync(images, 'not a folder');
    const refused = await sender.send(await frame('during'));
    expect(refused).toMatchObject({ kind: 'error', code: 'store_unavailable' });
    await expect.poll(async () => (await service.get('/readyz')).status, PATIENT).toBe(503);
    expect((await service.get('/readyz')).text).toContain('"part":"store"');
    expect((await service.get('/healthz')).status).toBe(200);
    expect((await service.samples()).get('inspection_store_writable')).toBe(0);

    // A frame on MQTT is not acknowledged meanwhile: it stays with its sender until the store is back.
    const camera = await mqtt.connectAsync(service.addresses.mqtt ?? '', { protocolVersion: 5 });
    let isAcknowledged = false;
    const held = camera
      .publishAsync('loupe/cam-2/frame/held', Buffer.from(await greyPng(10)), { qos: 1 })
      .then(() => (isAcknowledged = true));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(isAcknowledged).toBe(false);

    rmSync(images);
    renameSync(`${images}.away`, images);
    await expect.poll(async () => (await service.get('/readyz')).status, PATIENT).toBe(200);
    await held;
    expect(await sender.send(await frame('during'))).toMatchObject({ kind: 'answered', duplicate: false });
    await sender.close();
    await camera.endAsync();
    await service.end();
    const report = await verifyStore(store);
    expect([report.findings, report.rows]).toEqual([[], 3]);
  }, 60_000);
});

describe('MQTT', () => {
  it('loses no acknowledged frame and no result when the service is killed in the middle', async () => {
    const store = emptyFolder();
    const port = 20_000 + (process.pid % 20_000);
    const settings = [...testSettings(store), `mqtt.embedded.listen=127.0.0.1:${port}`];
    const url = `mqtt://127.0.0.1:${port}`;
    const results = new Set<string>();
    const acknowledged = new Set<string>();
    const reader = mqtt.connect(url, { protocolVersion: 4, reconnectPeriod: 100, resubscribe: true });
    reader.on('error', () => undefined);
    reader.on('connect', () => reader.subscribe('loupe/cam-1/result', { qos: 1 }));
    reader.on('message', (_topic, payload) => {
      results.add((JSON.parse(String(payload)) as { frameId: string }).frameId);
    });

    let service: ServiceProcess | undefined;
    for (let life = 0; life < 3; life++) {
      service = await start(settings);
      await expect.poll(() => reader.connected, PATIENT).toBe(true);
      const camera = await mqtt.connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0 });
      camera.on('error', () => undefined);
      const isLast = life === 2;
      const bytes = Buffer.from(await greyPng(30));
      for (let index = 0; index < 60; index++) {
        const frameId = `f${life}-${index}`;
        camera.publish(`loupe/cam-1/frame/${frameId}`, bytes, { qos: 1 }, (error) => {
          if (!error) acknowledged.add(frameId);
        });
      }
      const enough = isLast ? 60 : 15;
      await expect
        .poll(() => [...acknowledged].filter((id) => id.startsWith(`f${life}`)).length, { ...PATIENT, interval: 5 })
        .toBeGreaterThanOrEqual(enough);
      if (!isLast) await service.end('SIGKILL');
      camera.end(true);
    }
    // What was recorded and not yet published when the process died comes out of the outbox of the next one.
    await expect
      .poll(async () => total((await service?.samples()) ?? new Map(), 'inspection_outbox_depth'), PATIENT)
      .toBe(0);
    reader.end(true);
    await service?.end();
    const report = await verifyStore(store);
    expect(report.findings).toEqual([]);
    expect(report.outbox).toBe(0);
    expect(report.rows).toBeGreaterThanOrEqual(acknowledged.size);
    // The embedded broker keeps nothing for a reader that was away; what it heard is at least the last life.
    for (const frameId of acknowledged) if (frameId.startsWith('f2')) expect(results).toContain(frameId);
  }, 60_000);

  it('asks for name and password where tokens are configured, on every road', async () => {
    const token = '0123456789abcdef-line';
    const service = await start([
      ...testSettings(emptyFolder()),
      `auth.tokens=[{name: line, token: ${token}, rights: [ingest, read]}]`,
    ]);
    const url = service.addresses.mqtt ?? '';
    await expect(mqtt.connectAsync(url, { protocolVersion: 5, reconnectPeriod: 0 })).rejects.toThrow();
    const camera = await mqtt.connectAsync(url, { protocolVersion: 5, username: 'line', password: token });
    await camera.endAsync();
    expect((await service.get('/metrics')).status).toBe(401);
    expect((await service.get('/readyz')).status).toBe(200);
    const allowed = await fetch(`${service.addresses.http}/metrics`, { headers: { authorization: `bearer ${token}` } });
    expect(allowed.status).toBe(200);
    const stranger = await connectGrpcSender({ address: service.addresses.grpc });
    expect(await stranger.send(await frame('f1'))).toMatchObject({ kind: 'error', code: 'unauthenticated' });
    await stranger.close();
    const known = await connectGrpcSender({ address: service.addresses.grpc, token });
    expect(await known.send(await frame('f1'))).toMatchObject({ kind: 'answered' });
    await known.close();
  });
});
