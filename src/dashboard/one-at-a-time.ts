/**
 * A connection asks, waits for the answer, and asks again, as browsers and HTTP libraries do. Node begins every request that it reads: one
 * that sends them without waiting puts a thousand into a single turn of the thread that answers frames, and a hundred such connections
 * keep it for seconds.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** On one connection: one may overlap with the end of the answer before it. */
const MAX_UNDER_WAY = 2;

/** @param onCut told of the address each time that a connection with more under way is closed */
export function oneAtATime(answer: RequestListener, onCut: (address: string) => void): RequestListener {
  const underWay = new WeakMap<Socket, number>();
  return (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // The rest of what was read before it was closed.
    if (socket.destroyed) return;
    const count = (underWay.get(socket) ?? 0) + 1;
    if (count > MAX_UNDER_WAY) {
      const address = String(socket.remoteAddress);
      socket.destroy();
      onCut(address);
      return;
    }
    underWay.set(socket, count);
    const leave = () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1);
    // Not before the next turn: an answer may be out before the request behind it, in the same piece of what was read, is begun.
    response.once('close', () => setImmediate(leave));
    answer(request, response);
  };
}
