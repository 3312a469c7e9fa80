/** A camera that sends too fast, on every road of a real service. */

import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { connectGrpcSender } from '../../src/client/grpc-sender.ts';
import { connectMqttSender } from '../../src/client/mqtt-sender.ts';
import { verifyStore } from '../../src/record/verify.ts';
import { emptyFolder, servicesOf, testSettings, total } from '../support/service-process.ts';
import { goldenPicture } from '../support/images.ts';

const start = servicesOf(afterEach);
const picture = readFileSync(goldenPicture('good'));

const frame = (cameraId: string, frameId: string) => ({
  cameraId,
  frameId,
  bytes: new Uint8Array(picture),
  contentType: 'image/jpeg',
  capturedAt: null,
  sequence: null,
  isSimulated: false,
});

it('refuses what is too fast on every road, records the rest, and the books balance', async () => {
  const store = emptyFolder();
  const service = await start([...testSettings(store), 'unlisted_cameras.max_fps=0.1']);
  const { grpc, http, mqtt } = service.addresses;

  const unary = await connectGrpcSender({ address: grpc });
  expect(await unary.send(frame('by-grpc', 'a'))).toMatchObject({ kind: 'answered' });
  expect(await unary.send(frame('by-grpc', 'b'))).toMatchObject({ kind: 'error', code: 'rate_limited' });
  await unary.close();

  const upload = (frameId: string) =>
    fetch(`${http}/api/v1/frames?camera_id=by-http&frame_id=${frameId}`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: picture,
    });
  expect((await upload('a')).status).toBe(200);
  const refused = await upload('b');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ code: 'rate_limited' });

  const publisher = await connectMqttSender({ url: mqtt ?? '', root: 'loupe' });
  expect(await publisher.send(frame('by-mqtt', 'a'))).toMatchObject({ kind: 'answered' });
  expect(await publisher.send(frame('by-mqtt', 'b'))).toMatchObject({ kind: 'error', code: 'rate_limited' });
  // Nobody waits for it: another camera of the same connection is answered.
  expect(await publisher.send(frame('beside-it', 'a'))).toMatchObject({ kind: 'answered' });
  await publisher.close();

  const samples = await service.samples();
  const refusals = total(samples, 'inspection_frames_refused_total', 'rate_limited');
  expect(refusals).toBe(3);
  expect(total(samples, 'inspection_frames_received_total')).toBe(
    total(samples, 'inspection_frames_total') + total(samples, 'inspection_frames_in_flight'),
  );
  expect(total(samples, 'inspection_frames_total', 'refused')).toBe(refusals);
  await service.end();
  expect((await verifyStore(store)).rows).toBe(4);
});
