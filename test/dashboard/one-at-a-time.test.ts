import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { oneAtATime } from '../../src/dashboard/one-at-a-time.ts';

const REQUEST = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx';

/** Answers at once, as what is refused is. */
async function doorOf() {
  const answered: string[] = [];
  const cut: string[] = [];
  const listener = oneAtATime(
    (request, response) => {
      answered.push(String(request.url));
      response.end('done');
    },
    (address) => cut.push(address),
  );
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const enter = () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    return socket.on('error', () => undefined);
  };
  return { answered, cut, enter };
}

it('a connection that asks after each answer may ask as often as it likes', async () => {
  const { answered, cut, enter } = await doorOf();
  const socket = enter();
  for (let i = 0; i < 100; i++) {
    socket.write(REQUEST);
    await once(socket, 'data');
  }
  expect([answered.length, cut]).toEqual([100, []]);
});

it('one that sends many without waiting is closed once, though each is answered at once', async () => {
  const { answered, cut, enter } = await doorOf();
  const socket = enter().resume();
  socket.write(REQUEST.repeat(500));
  await once(socket, 'close');
  expect([answered.length, cut]).toEqual([2, ['127.0.0.1']]);
});
