import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Authority } from '../../support/authority.ts';
import { image, inspect, responseOf, startSource } from './loopback.ts';
import { beginUnary } from '../../support/unary-call.ts';

const authority = new Authority();
const patience = { firstWordMs: 150, wholeRequestMs: 150 };
const frame = { camera_id: 'cam-1', frame_id: 'f-1', encoded: image() };

async function opened(socket: Socket, event = 'connect'): Promise<Socket> {
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, event);
  return socket;
}

describe('a peer of the gRPC port', () => {
  it.each([false, true])('that connects and says nothing is cut (a TLS port: %s)', async (hasTls) => {
    const { cert, key } = authority.server();
    const { port } = await startSource({
      patience,
      tls: hasTls ? { cert, key, clientCa: null, refused: new Set() } : null,
    });
    const socket = await opened(connect(port, '127.0.0.1'));
    socket.resume();
    await once(socket, 'close');
  });

  it('that shakes hands over TLS and then says nothing is cut', async () => {
    const { cert, key } = authority.server();
    const { port } = await startSource({ patience, tls: { cert, key, clientCa: null, refused: new Set() } });
    const tls = connectTls({ port, host: '127.0.0.1', ca: authority.ca, ALPNProtocols: ['h2'] });
    const socket = await opened(tls, 'secureConnect');
    socket.resume();
    await once(socket, 'close');
  });

  it('that starts a unary call and never ends its request loses the call, not the connection', async () => {
    const { port } = await startSource({ patience });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const call = beginUnary(session);
    call.write(Buffer.from([0, 0, 0, 0, 9, 1]));
    await once(call, 'close');
    expect(call.rstCode).toBe(8);
    expect(session.closed).toBe(false);
  });

  it('that has spoken may be silent for as long as it likes', async () => {
    const { client } = await startSource({ patience });
    await responseOf(inspect(client, frame));
    await new Promise((resolve) => setTimeout(resolve, 3 * patience.firstWordMs));
    const channel = client.getChannel();
    expect(channel.getConnectivityState(false)).toBe(2);
    expect(await responseOf(inspect(client, frame))).toMatchObject({ duplicate: true });
  });

  it('is turned away beyond the limit of connections', async () => {
    const { port, client } = await startSource({ maxConnections: 1 });
    await responseOf(inspect(client, frame));
    const second = await opened(connect(port, '127.0.0.1'));
    second.resume();
    await once(second, 'close');
    expect(await responseOf(inspect(client, frame))).toMatchObject({ duplicate: true });
  });
});
