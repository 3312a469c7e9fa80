/**
 * The broker for trials: aedes in this process, for Loupe's topics and nothing else.
 *
 *   camera ──PUBLISH──> authorizePublish ─> FrameHandler ─> committed ─> callback ─> PUBACK
 *                                                                        (packet emptied: frames go to no subscriber)
 *   reader <──result, state, status, replies── publish() <── Loupe
 *
 * Only Loupe publishes on any topic but `frame` and `request`. Nothing is kept for absent clients: the queue of one that never
 * returns would grow for ever. A subscription of a session that outlives its connection is served at QoS 0.
 */

import type { EventEmitter } from 'node:events';
import { createServer as createNetServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, TLSSocket } from 'node:tls';
import { Aedes, type AedesOptions, type Client, type PublishPacket, type Subscription } from 'aedes';
import { type Door, keepDoor } from '../../door.ts';
import type { Right } from '../../frame/people.ts';
import { type Peer, peerOf, UNBOUND, whyNotAs } from '../peer.ts';
import type { CountRefused } from '../ports.ts';
import { contextOf, type ServerTls, TlsGuard, tlsOptionsOf, type TlsRefusal } from '../../server-tls.ts';
import type { FrameHandler } from './frame-handler.ts';
import type { Publish, PublishProperties } from './message.ts';
import { MAX_TOPIC_LEVELS, type Topics } from './topics.ts';

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Null: plain text. */
  readonly tls: ServerTls | null;
  /** Whether a client certificate says which camera it is, and that it is no other. Default false. */
  readonly bindsCameras?: boolean;
  readonly topics: Topics;
  readonly maxMessageBytes: number;
  readonly maxClients: number;
  /** How long a peer may take for the TLS handshake. Default 10 s. */
  readonly handshakeMs?: number;
  readonly onEvent?: (event: EmbeddedBrokerEvent) => void;
}

export interface EmbeddedBrokerPorts {
  readonly frames: FrameHandler;
  readonly countRefused: CountRefused;
  /** The rights of this user; null where user name or password is wrong. */
  readonly login: (name: string | null, password: string | null) => readonly Right[] | null;
}

export type EmbeddedBrokerEvent =
  | { readonly kind: 'broker_listening'; readonly host: string; readonly port: number; readonly hasTls: boolean }
  | { readonly kind: 'broker_stopped' }
  | { readonly kind: 'broker_login_refused'; readonly clientId: string; readonly address: string }
  /** More than `maxClients` connections: the one that had waited longest without logging in was closed. */
  | { readonly kind: 'broker_full'; readonly maxClients: number }
  | ({ readonly kind: 'tls_refused' } & TlsRefusal)
  /** A client broke the protocol or a rule, or its connection failed. */
  | { readonly kind: 'broker_client_failed'; readonly clientId: string; readonly message: string };

export interface PublishOptions {
  readonly retain: boolean;
  readonly qos: 0 | 1;
  readonly correlationData?: Uint8Array | null;
  readonly contentType?: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** One frozen reader holds up the results of all others for this long at most. */
const DRAIN_TIMEOUT_MS = 5000;
const CLOSE_MS = 1000;
const MAX_HEADER_BYTES = 64 * 1024;
/** What a CONNECT can be long with a last will, and more: nobody has said who he is until then. */
const MAX_LOGIN_BYTES = 256 * 1024;
const SESSION_EXPIRY_LIMIT_SECONDS = 3600;
/** Where a taken frame goes: `$` topics match no wildcard, and nobody may subscribe to them. */
const TAKEN_TOPIC = '$SYS/loupe/taken';
const BAD_USER_NAME_OR_PASSWORD = 4;

interface Session {
  readonly rights: readonly Right[];
  readonly peer: Peer;
  /** Aborted when the connection has ended. */
  readonly connection: AbortController;
}

export class EmbeddedBroker {
  private readonly options: EmbeddedBrokerOptions;
  private readonly ports: EmbeddedBrokerPorts;
  private readonly sessions = new WeakMap<Client, Session>();
  private readonly sockets = new Set<Socket>();
  private readonly guard: TlsGuard;
  private door: Door | undefined;
  private broker: Aedes | undefined;
  private server: Server | TlsServer | undefined;
  private starting: Promise<{ readonly port: number }> | undefined;
  private ending: Promise<void> | undefined;

  constructor(options: EmbeddedBrokerOptions, ports: EmbeddedBrokerPorts) {
    this.options = options;
    this.ports = ports;
    this.guard = new TlsGuard(options.tls?.refused ?? new Set(), (refusal) =>
      options.onEvent?.({ kind: 'tls_refused', ...refusal }),
    );
  }

  get isConnected(): boolean {
    return this.broker !== undefined && !this.broker.closed;
  }

  /** Opens the port. Rejects where it cannot be had. */
  start(): Promise<{ readonly port: number }> {
    this.starting ??= this.open();
    return this.starting;
  }

  /** New connections get this certificate; open ones keep theirs. @throws where the pair does not fit: the old one stays */
  useTls(tls: ServerTls): void {
    const { server } = this;
    if (server === undefined || !('setSecureContext' in server)) return;
    server.setSecureContext(contextOf(tls));
    this.guard.use(tls.refused);
  }

  /** Closes every connection and the port. Frames not yet acknowledged stay with their senders. */
  stop(): Promise<void> {
    this.ending ??= this.close();
    return this.ending;
  }

  /** Never away while it runs; here so that it fits where a client of a plant's broker fits. */
  onConnected(_listener: () => void): () => void {
    return () => undefined;
  }

  /** Hands a message to all subscribers. Rejects when the broker does not run. */
  publish(topic: string, payload: string | Buffer, options: PublishOptions): Promise<void> {
    const { broker } = this;
    if (broker === undefined || broker.closed) return Promise.reject(new Error('the embedded broker does not run'));
    const { correlationData = null, contentType } = options;
    const properties = {
      ...(correlationData === null ? {} : { correlationData: Buffer.from(correlationData) }),
      ...(contentType === undefined ? {} : { contentType }),
    };
    const packet: PublishPacket = {
      cmd: 'publish',
      topic,
      payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
      qos: options.qos,
      retain: options.retain,
      dup: false,
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
    };
    return new Promise((resolve, reject) => {
      broker.publish(packet, (error) => (error ? reject(error) : resolve()));
    });
  }

  private async open(): Promise<{ readonly port: number }> {
    const { host, port, tls, maxClients, onEvent } = this.options;
    const broker = await Aedes.createBroker(this.brokerOptions());
    keepNothingForTheAbsent(broker);
    const failed = (client: Client, error: Error) =>
      onEvent?.({ kind: 'broker_client_failed', clientId: client?.id ?? '', message: error.message });
    broker.on('clientError', failed);
    broker.on('connectionError', failed);
    broker.on('clientDisconnect', (client) => this.sessions.get(client)?.connection.abort());
    const accept = (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      socket.setNoDelay(true);
      const client = broker.handle(socket);
      askForWhatIsServed(client);
      this.boundLogin(socket, client);
    };
    const server =
      tls === null
        ? createNetServer(accept)
        : createTlsServer(
            { handshakeTimeout: this.options.handshakeMs ?? CONNECT_TIMEOUT_MS, ...tlsOptionsOf(tls) },
            accept,
          );
    this.guard.guard(server);
    this.door = keepDoor(server, maxClients, () => onEvent?.({ kind: 'broker_full', maxClients }));
    // A TLS server leaves a peer that never shakes hands connected: its timeout is an event, and no more.
    server.on('tlsClientError', (_error: Error, socket: TLSSocket) => void socket.destroy());
    const listening = new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve());
    });
    await listening.catch(async (error: unknown) => {
      // Its timers would keep the process alive.
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      throw error;
    });
    this.broker = broker;
    this.server = server;
    const bound = (server.address() as AddressInfo).port;
    onEvent?.({ kind: 'broker_listening', host, port: bound, hasTls: tls !== null });
    return { port: bound };
  }

  private async close(): Promise<void> {
    await this.starting?.catch(() => undefined);
    const { broker, server } = this;
    if (broker === undefined || server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const destroyAll = () => {
      for (const socket of this.sockets) socket.destroy();
    };
    // A client that does not read holds up the goodbye to it, and with that the end.
    const forced = setTimeout(destroyAll, CLOSE_MS);
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    clearTimeout(forced);
    destroyAll();
    await closed;
    this.options.onEvent?.({ kind: 'broker_stopped' });
  }

  private brokerOptions(): AedesOptions {
    const { maxMessageBytes, maxClients } = this.options;
    return {
      maximumPacketSize: maxMessageBytes + MAX_HEADER_BYTES,
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: DRAIN_TIMEOUT_MS,
      maxTopicLevels: MAX_TOPIC_LEVELS,
      sessionExpiryIntervalLimit: SESSION_EXPIRY_LIMIT_SECONDS,
      pendingSessionsLimit: maxClients,
      authenticate: (client, username, password, done) => {
        const peer = this.peerOf(client);
        const rights = this.rightsOf(peer, username ?? null, password?.toString('utf8') ?? null);
        if (rights === null) {
          this.reportLogin(client);
          done(
            Object.assign(new Error('wrong user name or password'), { returnCode: BAD_USER_NAME_OR_PASSWORD }),
            false,
          );
          return;
        }
        this.sessions.set(client, { rights, peer, connection: new AbortController() });
        if ('remotePort' in client.conn) this.door?.hears(client.conn);
        done(null, true);
      },
      authorizePublish: (client, packet, done) => this.take(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => done(null, this.grant(client, subscription)),
    };
  }

  /** aedes allows the first packet of a connection what it allows a frame, and holds it in memory until it is whole. */
  private boundLogin(socket: Socket, client: Client): void {
    const look = () => {
      if (this.sessions.has(client)) socket.off('readable', look);
      else if (socket.bytesRead > MAX_LOGIN_BYTES) {
        socket.destroy(new Error(`more than ${MAX_LOGIN_BYTES} bytes before a login`));
      }
    };
    socket.prependListener('readable', look);
  }

  private peerOf({ conn }: Client): Peer {
    if (this.options.bindsCameras !== true) return UNBOUND;
    return peerOf(conn instanceof TLSSocket ? conn.getPeerCertificate() : null);
  }

  /** A certificate that names a camera stands for user name and password; it gives the right to send, and no other. */
  private rightsOf(peer: Peer, name: string | null, password: string | null): readonly Right[] | null {
    if (name === null && peer.cameraIds !== null && peer.cameraIds.length > 0) return ['ingest'];
    return this.ports.login(name, password);
  }

  private reportLogin(client: Client): void {
    const address = 'remoteAddress' in client.conn ? (client.conn.remoteAddress ?? '') : '';
    this.options.onEvent?.({ kind: 'broker_login_refused', clientId: client.id ?? '', address });
  }

  /**
   * Calls `done` when the frame is committed: aedes writes the PUBACK after that. An error given to `done` becomes reason code
   * 0x87 with this text on MQTT 5 and closes a 3.1.1 connection, so a bad frame on 3.1.1 is acknowledged: sent again, it would
   * be as bad. What it broke stands on the error topic.
   */
  private take(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const session = client === null ? undefined : this.sessions.get(client);
    if (client === null || session === undefined || client.closed) {
      done(new Error('a last will is not taken here'));
      return;
    }
    const publish = publishOf(packet);
    if (!this.options.topics.isIn(publish.topic)) {
      done(new Error('only frames and requests are taken here'));
      return;
    }
    if (!session.rights.includes('ingest')) {
      this.ports.countRefused('mqtt', 'permission_denied');
      done(new Error('this user may not send frames'));
      return;
    }
    const cameraId = this.options.topics.parse(publish.topic)?.cameraId ?? null;
    const notAs = cameraId === null ? null : whyNotAs(session.peer, cameraId);
    if (notAs !== null) {
      this.ports.countRefused('mqtt', notAs.code);
      done(new Error(notAs.message));
      return;
    }
    void this.ports.frames.handle(publish, session.connection.signal).then((handled) => {
      // Neither an answer nor a drop of the connection: its end is what brought us here.
      if (handled.kind === 'held') return;
      emptyPacket(packet);
      if (client.version === 5 && handled.kind === 'refused') done(new Error(handled.refusal.message));
      else if (client.version === 5 && handled.kind === 'ignored') done(new Error('a frame must not be retained'));
      else done();
    });
  }

  private grant(client: Client, subscription: Subscription): Subscription | null {
    const rights = this.sessions.get(client)?.rights ?? [];
    const { topic } = subscription;
    if (topic.startsWith('$')) return null;
    const mayRead = rights.includes('read') || rights.includes('admin');
    if (!mayRead && !(rights.includes('ingest') && this.options.topics.isReplyFilter(topic))) return null;
    return subscription;
  }
}

/**
 * aedes 2 beta queues by what a SUBSCRIBE asked for, and not by what was granted: for a session that is away, refused topics
 * among them. Where it finds nobody who asked, it queues nothing.
 */
function keepNothingForTheAbsent(broker: Aedes): void {
  const { persistence } = broker as unknown as {
    persistence: { subscriptionsByTopic: () => Promise<readonly never[]> };
  };
  persistence.subscriptionsByTopic = () => Promise.resolve([]);
}

/**
 * aedes 2 beta grants in its SUBACK the QoS that a SUBSCRIBE asked for, whatever `authorizeSubscribe` makes of it. A session that
 * outlives its connection is served at QoS 0: that is what it asks for here.
 */
function askForWhatIsServed(client: Client): void {
  const { _parser: parser } = client as unknown as { _parser: EventEmitter };
  parser.prependListener('packet', (packet: { cmd: string; subscriptions?: { qos: number }[] }) => {
    if (packet.cmd === 'subscribe' && !client.clean) for (const one of packet.subscriptions ?? []) one.qos = 0;
  });
}

function publishOf(packet: PublishPacket): Publish {
  const { payload } = packet;
  return {
    topic: packet.topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    retain: packet.retain,
    isRepeat: packet.dup,
    properties: (packet.properties as PublishProperties | undefined) ?? null,
  };
}

/** The image has been taken: it reaches no subscriber, no retained store and no queue. */
function emptyPacket(packet: PublishPacket): void {
  packet.topic = TAKEN_TOPIC;
  packet.payload = Buffer.alloc(0);
  packet.retain = false;
  delete packet.properties;
}
