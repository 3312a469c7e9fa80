/**
 * How many connections a port has, and who leaves when one more comes: the one that has been idle longest, be it that it never said anything
 * or that nothing of it is under way. Without that, whoever opens connections and is silent keeps everybody else out for as long as he
 * opens new ones.
 *
 *   TCP ──> idle ──hears──> busy ──rests──> idle ──> …
 *    │        └── full, and the first in line ──> closed
 *    └── from an address that flooded a moment ago ──> closed
 */

import type { Server, Socket } from 'node:net';

/** Over TLS a connection has a socket of its own on top of the one that came in: both are known by the peer's address. */
type Connection = Pick<Socket, 'remoteAddress' | 'remotePort'>;

export interface Door {
  /** It has something under way, or has said who it is: it stays. */
  hears(connection: Connection): void;
  rests(connection: Connection): void;
  /** Closes the connections of this address, and new ones for a moment. False: it is turned away already. */
  turnAway(address: string): boolean;
  /** Closes what is idle, and whoever comes from now on: a server that closes waits for connections that never said anything. */
  shut(): void;
}

/** No longer than gRPC itself waits before it connects again. */
const TURNED_AWAY_MS = 2000;

/** @param onFull told each time that a connection had to leave */
export function keepDoor(
  server: Server,
  maxConnections: number,
  onFull: () => void,
  turnedAwayMs = TURNED_AWAY_MS,
): Door {
  const open = new Map<string, Socket>();
  /** The one that is idle longest comes first. */
  const idle = new Set<string>();
  const turnedAway = new Map<string, number>();
  let isShut = false;
  const isTurnedAway = (address: string) => performance.now() < (turnedAway.get(address) ?? 0);
  const leave = (peer: string) => {
    idle.delete(peer);
    open.delete(peer);
  };
  server.on('connection', (socket: Socket) => {
    if (isShut || isTurnedAway(String(socket.remoteAddress))) {
      socket.destroy();
      return;
    }
    const peer = peerName(socket);
    open.set(peer, socket);
    idle.add(peer);
    socket.once('close', () => {
      if (open.get(peer) === socket) leave(peer);
    });
    if (open.size <= maxConnections) return;
    // The newcomer itself where all others have something to do.
    for (const first of idle) {
      open.get(first)?.destroy();
      leave(first);
      break;
    }
    onFull();
  });
  return {
    hears: (connection) => void idle.delete(peerName(connection)),
    rests: (connection) => {
      const peer = peerName(connection);
      if (open.has(peer)) idle.add(peer);
    },
    turnAway: (address) => {
      if (isTurnedAway(address)) return false;
      for (const known of turnedAway.keys()) if (!isTurnedAway(known)) turnedAway.delete(known);
      turnedAway.set(address, performance.now() + turnedAwayMs);
      // All at once: what they have sent would be read in this same turn.
      for (const socket of open.values()) if (String(socket.remoteAddress) === address) socket.destroy();
      return true;
    },
    shut: () => {
      isShut = true;
      for (const peer of idle) open.get(peer)?.destroy();
    },
  };
}

/** What a connection is known by, on every layer of it. */
export function peerName({ remoteAddress, remotePort }: Connection): string {
  return `${remoteAddress} ${remotePort}`;
}
