import { type ClientHttp2Stream, connect, constants } from 'node:http2';
import { expect, it, onTestFinished } from 'vitest';
import { image, inspect, responseOf, startSource } from './loopback.ts';
import { beginUnary } from '../../support/unary-call.ts';

async function uploads(maxStreamBytes: number) {
  const { port, client, events } = await startSource({ maxStreamBytes });
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const begin = async (bytes: number): Promise<ClientHttp2Stream> => {
    const call = beginUnary(session);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(100_000, 1);
    await new Promise((resolve) => call.write(Buffer.concat([head, Buffer.alloc(bytes)]), resolve));
    return call;
  };
  return { begin, client, events };
}

it('of unary requests that are not whole the oldest is cut when they are more than there may be', async () => {
  const { begin, client, events } = await uploads(100_000);
  const first = await begin(60_000);
  const cut = new Promise((resolve) => first.once('close', resolve));
  const second = await begin(60_000);
  await cut;
  expect(first.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(second.destroyed).toBe(false);
  expect(events).toContainEqual({ kind: 'grpc_flood_cut', flood: 'uploads', address: '127.0.0.1' });
  // What is whole counts no more: ten times as much in turn cuts nobody.
  for (let i = 0; i < 25; i++) {
    await responseOf(inspect(client, { camera_id: 'cam-1', frame_id: `f${i}`, encoded: image('x'.repeat(30_000)) }));
  }
  expect(second.destroyed).toBe(false);
});
