/**
 * Frames from the plant's own broker.
 *
 *   broker ──$share/{group}──> connection 0 ─┐ one frame at a time each (mqtt.js reads the next packet after the PUBACK),
 *                              connection 1 ─┼─> FrameHandler ─> committed ─> PUBACK      so `connections` frames at once
 *                              connection N ─┘
 *
 * Packet ids belong to one connection. Every connection is a client object of its own, thrown away when its socket closes: an
 * acknowledgement that comes late has nothing left to be written to, and can never take another frame's id on a new link.
 * The broker keeps the session and sends what was not acknowledged again.
 */

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt';
import { CLOSED, endGently, goodbyeOf, sendAtOnce, wantsOlder } from '../../mqtt-socket.ts';
import type { FrameHandler } from './frame-handler.ts';
import type { Publish, PublishProperties } from './message.ts';
import type { Topics } from './topics.ts';

export interface PlantClientOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
  readonly url: string;
  /** Connection n is `{clientId}-{n}`: fixed, for the broker keeps a session under each name. */
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: { readonly ca: Buffer | null; readonly cert: Buffer | null; readonly key: Buffer | null };
  readonly topics: Topics;
  readonly connections: number;
  /** Name under which the frames are shared; the same on several machines spreads them over these. Default: the clientId. */
  readonly shareGroup?: string;
  readonly maxMessageBytes: number;
  /** Default 30 s. A frame held longer than one and a half times this costs the connection, and comes again. */
  readonly keepaliveSeconds?: number;
  /** First pause before the next try to connect; doubles up to 15 s. Default 500 ms. */
  readonly reconnectMs?: number;
  readonly onEvent?: (event: PlantClientEvent) => void;
}

export type PlantClientEvent =
  | {
      readonly kind: 'plant_connected';
      readonly connection: number;
      readonly hasSession: boolean;
      /** Largest packet the broker takes, in bytes: a larger frame never gets here. Null: it named none. */
      readonly maximumPacketSize: number | null;
      readonly tooSmallFor: number | null;
    }
  | { readonly kind: 'plant_disconnected'; readonly connection: number; readonly message: string | null }
  /** The broker has no shared subscriptions (or no MQTT 5): this connection would only get every frame twice. */
  | { readonly kind: 'plant_connection_idle'; readonly connection: number };

const MAX_RECONNECT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_SECONDS = 30;
const SESSION_EXPIRY_SECONDS = 24 * 3600;
/** Frames the broker may push ahead of their acknowledgement, on each connection: they wait in memory here. */
const RECEIVE_MAXIMUM = 4;

export class PlantClient {
  private readonly options: PlantClientOptions;
  private readonly frames: FrameHandler;
  private readonly stopping = new AbortController();
  private readonly live = new Map<number, MqttClient>();
  private protocolVersion: 4 | 5 = 5;
  private loops: Promise<unknown> | undefined;
  private lastError: string | null = null;

  constructor(options: PlantClientOptions, frames: FrameHandler) {
    this.options = options;
    this.frames = frames;
    // Every connection listens, and Node takes more than ten for a leak.
    setMaxListeners(0, this.stopping.signal);
  }

  get isConnected(): boolean {
    return this.live.size > 0;
  }

  /** Why no frame can come, for a person; null where one can. */
  get whyDisconnected(): string | null {
    return this.isConnected ? null : (this.lastError ?? 'not subscribed yet');
  }

  /** Starts connecting, and goes on for ever: a plant's broker may be away when the service starts. */
  start(): void {
    const { connections } = this.options;
    this.loops ??= Promise.all(Array.from({ length: connections }, (_, n) => this.keepConnected(n)));
  }

  /** Ends the connections; stop the FrameHandler first. What is not acknowledged comes again at the next start. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loops;
  }

  private async keepConnected(n: number): Promise<void> {
    const { reconnectMs = 500, onEvent } = this.options;
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      const ended = await this.connectOnce(n);
      if (ended.isIdle) {
        onEvent?.({ kind: 'plant_connection_idle', connection: n });
        return;
      }
      this.lastError = ended.message;
      onEvent?.({ kind: 'plant_disconnected', connection: n, message: ended.message });
      failures = ended.wasSubscribed ? 1 : failures + 1;
      const pauseMs = Math.min(MAX_RECONNECT_MS, reconnectMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
      await sleep(pauseMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** One connection from its CONNECT to the close of its socket. */
  private connectOnce(n: number): Promise<ConnectionEnd> {
    const client = connect(this.options.url, this.connectOptions(n));
    const gone = new AbortController();
    const end = { message: null as string | null, wasSubscribed: false, isIdle: false };
    client.handleMessage = (packet, done) => {
      void this.frames.handle(publishOf(packet), gone.signal).then((handled) => {
        if (handled.kind !== 'held' && !gone.signal.aborted) done();
      });
    };
    const fail = (error: Error) => {
      end.message = error.message;
      client.end(true);
    };
    client.on('error', (error) => {
      if (wantsOlder(error)) this.protocolVersion = 4;
      fail(error);
    });
    client.on('disconnect', (packet) => {
      end.message = goodbyeOf(packet);
    });
    client.on('connect', (connack) => {
      sendAtOnce(client);
      const filters = this.filtersFor(n, connack);
      if (filters === null) {
        end.isIdle = true;
        client.end(true);
        return;
      }
      // Each time, session or not: a session of an earlier configuration may hold other topics.
      subscribe(client, filters).then(() => {
        end.wasSubscribed = true;
        this.live.set(n, client);
        this.reportConnected(n, connack);
      }, fail);
    });
    if (this.stopping.signal.aborted) client.end(true);
    const onStop = () => void endGently(client);
    this.stopping.signal.addEventListener('abort', onStop, { once: true });
    return new Promise((resolve) => {
      client.once('close', () => {
        this.stopping.signal.removeEventListener('abort', onStop);
        gone.abort();
        if (this.live.get(n) === client) this.live.delete(n);
        client.end(true);
        if (end.wasSubscribed && !this.stopping.signal.aborted) end.message ??= CLOSED;
        resolve(end);
      });
    });
  }

  private connectOptions(n: number): IClientOptions {
    const { clientId, username, password, tls, maxMessageBytes, keepaliveSeconds = KEEPALIVE_SECONDS } = this.options;
    return {
      clientId: `${clientId}-${n}`,
      protocolVersion: this.protocolVersion,
      clean: false,
      keepalive: keepaliveSeconds,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      ...(tls.ca === null ? {} : { ca: tls.ca }),
      ...(tls.cert === null ? {} : { cert: tls.cert }),
      ...(tls.key === null ? {} : { key: tls.key }),
      ...(this.protocolVersion === 4
        ? {}
        : {
            properties: {
              sessionExpiryInterval: SESSION_EXPIRY_SECONDS,
              receiveMaximum: RECEIVE_MAXIMUM,
              // Twice what is taken, so that somebody whose frame is too large is told; beyond that the broker drops it.
              maximumPacketSize: 2 * maxMessageBytes,
            },
          }),
    };
  }

  /** Null where this connection has nothing to do. */
  private filtersFor(n: number, connack: IConnackPacket): readonly string[] | null {
    const { topics, connections, clientId, shareGroup } = this.options;
    const wantsShare = connections > 1 || shareGroup !== undefined;
    const canShare = this.protocolVersion === 5 && connack.properties?.sharedSubscriptionAvailable !== false;
    if (wantsShare && canShare) return topics.inFilters.map((filter) => `$share/${shareGroup ?? clientId}/${filter}`);
    return n === 0 ? topics.inFilters : null;
  }

  private reportConnected(connection: number, connack: IConnackPacket): void {
    const { maxMessageBytes, onEvent } = this.options;
    const maximumPacketSize = connack.properties?.maximumPacketSize ?? null;
    const isSmall = maximumPacketSize !== null && maximumPacketSize < maxMessageBytes;
    onEvent?.({
      kind: 'plant_connected',
      connection,
      hasSession: connack.sessionPresent,
      maximumPacketSize,
      tooSmallFor: isSmall ? maxMessageBytes : null,
    });
  }
}

interface ConnectionEnd {
  readonly message: string | null;
  readonly wasSubscribed: boolean;
  readonly isIdle: boolean;
}

async function subscribe(client: MqttClient, filters: readonly string[]): Promise<void> {
  // rh 2: retained frames are of no use, so they are not asked for where the broker understands it.
  const granted = await client.subscribeAsync([...filters], { qos: 1, rh: 2 });
  const refused = granted.filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
  if (refused.length > 0) throw new Error(`the broker refuses the subscription to ${refused.join(', ')}`);
}

function publishOf(packet: IPublishPacket): Publish {
  const { topic, payload, retain, dup, properties } = packet;
  return {
    topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    retain,
    isRepeat: dup,
    properties: (properties as PublishProperties | undefined) ?? null,
  };
}
