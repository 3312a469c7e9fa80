/**
 * Ends connections and calls that take a place and say nothing. grpc-js 1.14 has timers of its own only for connections that have
 * once spoken HTTP/2.
 *
 *   TCP ──firstWordMs──> HTTP/2 settings ──keepalive of grpc-js──> …
 *   unary call ──wholeRequestMs──> its request is there            (a stream may be silent for hours: a line stands still)
 */

import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { peerName } from '../../door.ts';

export interface SlowPeerLimits {
  /** From the TCP connection, TLS included, to the peer's HTTP/2 settings. */
  readonly firstWordMs: number;
  /** From the headers of a unary call to the end of its request. */
  readonly wholeRequestMs: number;
}

export const SLOW_PEER_LIMITS: SlowPeerLimits = { firstWordMs: 10_000, wholeRequestMs: 60_000 };

const UNARY = /\/(Inspect|GetResult|Check)$/;

export function cutSlowPeers(server: Http2Server | Http2SecureServer, limits: SlowPeerLimits): void {
  const silent = new Map<string, NodeJS.Timeout>();
  const heard = (peer: string) => {
    clearTimeout(silent.get(peer));
    silent.delete(peer);
  };
  server.on('connection', (socket: Socket) => {
    const peer = peerName(socket);
    silent.set(
      peer,
      setTimeout(() => socket.destroy(), limits.firstWordMs),
    );
    socket.once('close', () => heard(peer));
  });
  server.on('session', (session) => {
    // Known by its address: over TLS the session has a socket of its own on top of the one that came in.
    const peer = peerName(session.socket);
    session.once('remoteSettings', () => heard(peer));
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (!UNARY.test(String(headers[constants.HTTP2_HEADER_PATH]))) return;
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), limits.wholeRequestMs);
    stream.once('end', () => clearTimeout(timer));
    stream.once('close', () => clearTimeout(timer));
  });
}
