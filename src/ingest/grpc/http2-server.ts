/** The gRPC server with the limits and windows that frames need. */

import type { Http2SecureServer, Http2Server, ServerHttp2Session } from 'node:http2';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { type Door, keepDoor } from '../../door.ts';
import { contextOf, type ServerTls, type TlsGuard } from '../../server-tls.ts';
import { cutFloods, FLOOD_LIMITS } from './floods.ts';
import { cutSlowPeers, type SlowPeerLimits } from './slow-peers.ts';
import { boundUnfinished } from './unfinished.ts';

/** What HTTP/2 lets a sender have on its way before it hears from us, per call and per connection. */
export const CALL_WINDOW_BYTES = 4 * 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
const MAX_CONCURRENT_CALLS = 100;
/** grpc-js ends a whole stream over a message beyond its limit; up to this many times ours, the frame alone is refused. */
const GRACE_FACTOR = 2;

// It writes lines of its own to stderr, which is the log in JSON; what they say comes as errors too.
setLogVerbosity(logVerbosity.NONE);

export interface OpenServer {
  readonly server: Server;
  /** Connections that are open now. */
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly doors: ReadonlySet<Door>;
  /** @throws where the pair does not fit: the old one stays */
  useTls(tls: ServerTls): void;
}

/** What came in a flood, and from where. */
export type GrpcFlood =
  /** Calls taken back as fast as they were made: the address is turned away for a moment. */
  | { readonly flood: 'resets'; readonly address: string }
  /** Unary requests begun and not ended: the oldest was cut. */
  | { readonly flood: 'uploads'; readonly address: string }
  /** More connections than there may be: one that was idle had to leave. */
  | { readonly flood: 'connections' };

export interface ServerLimits {
  readonly guard: TlsGuard;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  /** Bytes of unary requests that are not whole yet, over all connections. */
  readonly maxUnfinishedBytes: number;
  readonly patience: SlowPeerLimits;
  readonly onFlood: (flood: GrpcFlood) => void;
}

export function createServer(limits: ServerLimits): OpenServer {
  const { maxMessageBytes } = limits;
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes * GRACE_FACTOR,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_CALLS,
    // A camera that lost its power says no goodbye: its connection is noticed within 40 s.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_connection_idle_ms': 300_000,
    'grpc.enable_channelz': 0,
  });
  return { server, ...openUp(server, limits) };
}

/** The fields of grpc-js 1.14 that carry the HTTP/2 settings. */
interface Http2Parts {
  commonServerOptions: { settings?: object };
  createHttp2Server(credentials: ServerCredentials): Http2Server | Http2SecureServer;
}

/**
 * What grpc-js has no option for is set where it makes its HTTP/2 server. It leaves both flow-control windows at 64 KiB, and `grpc-node.flow_control_window` speaks to its clients only
 * (grpc/grpc-node#2864): an upload is then held to 64 KiB per round trip, 6 MB/s on a 10 ms link. Goes when a release has
 * grpc/grpc-node#3058; until then grpc-js stays pinned, and a test sees the windows on the wire.
 */
function openUp(server: Server, limits: ServerLimits): Pick<OpenServer, 'sessions' | 'doors' | 'useTls'> {
  const sessions = new Set<ServerHttp2Session>();
  const doors = new Set<Door>();
  const secure = new Set<Http2SecureServer>();
  const parts = server as unknown as Http2Parts;
  parts.commonServerOptions.settings = { ...parts.commonServerOptions.settings, initialWindowSize: CALL_WINDOW_BYTES };
  const create = parts.createHttp2Server.bind(server);
  parts.createHttp2Server = (credentials) => {
    const http2Server = create(credentials);
    const door = keepDoor(http2Server, limits.maxConnections, () => limits.onFlood({ flood: 'connections' }));
    doors.add(door);
    cutFloods(http2Server, FLOOD_LIMITS, door, (address) => limits.onFlood({ flood: 'resets', address }));
    boundUnfinished(http2Server, limits.maxUnfinishedBytes, (address) => limits.onFlood({ flood: 'uploads', address }));
    cutSlowPeers(http2Server, limits.patience);
    if ('setSecureContext' in http2Server) {
      secure.add(http2Server);
      limits.guard.guard(http2Server);
    }
    http2Server.on('session', (session) => {
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      sessions.add(session);
      session.once('stream', () => door.hears(session.socket));
      session.once('close', () => sessions.delete(session));
    });
    return http2Server;
  };
  return {
    sessions,
    doors,
    useTls: (tls) => {
      for (const one of secure) one.setSecureContext(contextOf(tls));
      limits.guard.use(tls.refused);
    },
  };
}

export function credentialsOf(tls: ServerTls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const pair = { private_key: tls.key, cert_chain: tls.cert };
  return ServerCredentials.createSsl(tls.clientCa, [pair], tls.clientCa !== null);
}

/** The address cannot be had: taken, or not this machine's. */
export class GrpcListenError extends Error {
  override readonly name = 'GrpcListenError';
}

/** @returns the port it listens on; rejects with the reason where it cannot */
export function bind(server: Server, host: string, port: number, credentials: ServerCredentials): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new GrpcListenError(`gRPC cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
}

/**
 * Waits for open calls to end, for `graceMs` at most, then cuts them. grpc-js 1.14 without
 * channelz forgets which sessions it has, and its `forceShutdown` ends none of them: they are ended here. It knows nothing of connections that
 * said nothing, which would keep the process for as long as they may be silent.
 */
export function shutDown({ server, sessions, doors }: OpenServer, graceMs: number): Promise<void> {
  for (const door of doors) door.shut();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      for (const session of sessions) session.destroy();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
