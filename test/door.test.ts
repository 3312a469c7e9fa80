import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { keepDoor } from '../src/door.ts';

async function doorOf(maxConnections: number, turnedAwayMs?: number) {
  let times = 0;
  const server = createServer((socket) => socket.resume().on('error', () => undefined));
  const door = keepDoor(server, maxConnections, () => times++, turnedAwayMs);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const come = () => {
    const socket = connect(port, '127.0.0.1').resume();
    onTestFinished(() => void socket.destroy());
    return socket.on('error', () => undefined);
  };
  const enter = async () => {
    const socket = come();
    const [here] = (await once(server, 'connection')) as [Socket];
    return { socket, here, gone: once(socket, 'close') };
  };
  return { door, come, enter, full: () => times };
}

it('the one that is idle longest leaves when one more comes', async () => {
  const { enter, full } = await doorOf(2);
  const first = await enter();
  const second = await enter();
  expect(full()).toBe(0);
  const third = await enter();
  await first.gone;
  expect([second.here.destroyed, third.here.destroyed, full()]).toEqual([false, false, 1]);
});

it('one that is busy stays, and is idle from when it rests', async () => {
  const { door, enter } = await doorOf(2);
  const busy = await enter();
  door.hears(busy.here);
  const second = await enter();
  const third = await enter();
  await second.gone;
  expect(busy.here.destroyed).toBe(false);
  door.rests(busy.here);
  await enter();
  await third.gone;
  await enter();
  await busy.gone;
});

it('the newcomer leaves where all are busy, and comes in where one has left by itself', async () => {
  const { door, enter } = await doorOf(1);
  const busy = await enter();
  door.hears(busy.here);
  await (await enter()).gone;
  busy.socket.destroy();
  await once(busy.here, 'close');
  expect((await enter()).here.destroyed).toBe(false);
});

it('an address that is turned away loses its connections and gets no new one, for a moment', async () => {
  const { door, enter, come } = await doorOf(9, 200);
  const first = await enter();
  door.hears(first.here);
  expect(door.turnAway('127.0.0.2')).toBe(true);
  expect(first.here.destroyed).toBe(false);
  expect([door.turnAway('127.0.0.1'), door.turnAway('127.0.0.1')]).toEqual([true, false]);
  await first.gone;
  await once(come(), 'close');
  await expect.poll(async () => (await enter()).here.destroyed, { timeout: 3000, interval: 50 }).toBe(false);
});
