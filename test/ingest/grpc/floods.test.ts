import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, createServer } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { keepDoor } from '../../../src/door.ts';
import { cutFloods } from '../../../src/ingest/grpc/floods.ts';

async function doorOf(turnedAwayMs: number) {
  const cut: string[] = [];
  const server = createServer();
  // It answers nothing: what is taken back had not been answered.
  server.on('stream', (stream) => stream.on('error', () => undefined));
  const door = keepDoor(server, 100, () => undefined, turnedAwayMs);
  cutFloods(server, { burst: 10, perSecond: 0 }, door, (address) => cut.push(address));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const enter = async (localAddress: string) => {
    const createConnection = () => connectTcp({ port, host: '127.0.0.1', localAddress });
    const session = connect(`http://127.0.0.1:${port}`, { createConnection });
    onTestFinished(() => session.destroy());
    session.on('error', () => undefined);
    const isIn = await Promise.race([
      once(session, 'remoteSettings').then(() => true),
      once(session, 'close').then(() => false),
    ]);
    return { session, isIn };
  };
  return { cut, enter };
}

async function takeBack(session: ClientHttp2Session, times: number): Promise<void> {
  for (let i = 0; i < times && !session.destroyed; i++) {
    const call = session.request({ ':method': 'POST', ':path': '/' });
    call.on('error', () => undefined);
    const closed = once(call, 'close');
    call.close(constants.NGHTTP2_CANCEL);
    await closed;
  }
}

it('an address that takes back call after call loses all its connections, is turned away, and may come again', async () => {
  const { cut, enter } = await doorOf(300);
  const one = await enter('127.0.0.2');
  const two = await enter('127.0.0.2');
  const honest = await enter('127.0.0.3');
  await takeBack(one.session, 10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(cut).toEqual([]);
  const ended = Promise.all([one, two].map(({ session }) => once(session, 'close')));
  await takeBack(two.session, 1);
  await ended;
  expect(cut).toEqual(['127.0.0.2']);
  expect((await enter('127.0.0.2')).isIn).toBe(false);
  expect(honest.session.destroyed).toBe(false);
  expect((await enter('127.0.0.3')).isIn).toBe(true);
  await expect.poll(async () => (await enter('127.0.0.2')).isIn, { timeout: 3000, interval: 100 }).toBe(true);
});
