/**
 * Cuts the connections of an address that takes its calls back by the thousand (rapid reset, CVE-2023-44487), and turns it away for a
 * moment: each such call costs 0.1 ms of the one thread that answers frames. Node cuts a connection after 1000 of them, and takes the next one
 * at once.
 *
 * A sender whose calls are all late takes them back too. It is let do so 200 times a second, and is away for no longer than gRPC itself waits
 * before it connects again.
 */

import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Door } from '../../door.ts';

export interface FloodLimits {
  /** Calls of one address that may be taken back at once, and each second from then on. */
  readonly burst: number;
  readonly perSecond: number;
}

export const FLOOD_LIMITS: FloodLimits = { burst: 1000, perSecond: 200 };

interface Caller {
  sessions: number;
  /** Calls that it may still take back, as of `at`, in monotonic milliseconds. */
  left: number;
  at: number;
}

/** @param onCut told of the address each time that its connections are cut */
export function cutFloods(
  server: Http2Server | Http2SecureServer,
  limits: FloodLimits,
  door: Pick<Door, 'turnAway'>,
  onCut: (address: string) => void,
): void {
  const callers = new Map<string, Caller>();
  const callerAt = (address: string): Caller => {
    const known = callers.get(address);
    if (known !== undefined) return known;
    // Only those that are here are remembered.
    for (const [name, { sessions }] of callers) if (sessions === 0) callers.delete(name);
    const caller = { sessions: 0, left: limits.burst, at: performance.now() };
    callers.set(address, caller);
    return caller;
  };
  server.on('session', (session: ServerHttp2Session) => {
    const address = String(session.socket.remoteAddress);
    const caller = callerAt(address);
    caller.sessions += 1;
    session.once('close', () => (caller.sessions -= 1));
    const takenBack = () => {
      const now = performance.now();
      caller.left = Math.min(limits.burst, caller.left + ((now - caller.at) / 1000) * limits.perSecond) - 1;
      caller.at = now;
      if (caller.left >= 0 || !door.turnAway(address)) return;
      onCut(address);
    };
    session.on('stream', (stream: ServerHttp2Stream) => {
      stream.once('close', () => {
        if (stream.rstCode === constants.NGHTTP2_CANCEL) takenBack();
      });
    });
  });
}
