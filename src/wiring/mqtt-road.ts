/**
 * MQTT, wired: frames in from a broker, results out to it.
 *
 *   embedded:  EmbeddedBroker is where frames come from and where results go
 *   plant:     PlantClient (frames in) and MqttSink (results out) are clients of the plant's broker
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { listenFrom } from '../config/fields.ts';
import type { Config } from '../config/schema.ts';
import { type Secrets, serverTls } from '../config/secrets.ts';
import type { TlsFiles } from '../config/tls-files.ts';
import { SYSTEM_CLOCK } from '../ingest/intake.ts';
import { EmbeddedBroker, type EmbeddedBrokerEvent } from '../ingest/mqtt/embedded-broker.ts';
import { FrameHandler } from '../ingest/mqtt/frame-handler.ts';
import { PlantClient, type PlantClientEvent } from '../ingest/mqtt/plant-client.ts';
import { Topics } from '../ingest/mqtt/topics.ts';
import type { CountRefused, Inspector } from '../ingest/ports.ts';
import { MqttSink, type MqttSinkEvent } from '../publish/mqtt-sink.ts';
import { type Outbox, type PublisherEvent, ResultPublisher, statusJson } from '../publish/result-publisher.ts';
import type { Tokens } from './tokens.ts';
import { VERSION } from '../version.ts';

export type MqttEvent = EmbeddedBrokerEvent | PlantClientEvent | MqttSinkEvent | PublisherEvent;

export interface MqttRoadParts {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly tokens: Tokens;
  readonly inspector: Inspector;
  readonly outbox: Outbox;
  readonly isReady: () => boolean;
  readonly countRefused: CountRefused;
  readonly onRetained: () => void;
  /** Results that the broker has acknowledged. */
  readonly onPublished: (count: number) => void;
  readonly onEvent: (event: MqttEvent) => void;
}

/** A broker as the road needs it: somewhere to publish, and something that brings frames. */
interface Broker {
  readonly sink: EmbeddedBroker | MqttSink;
  readonly whyDisconnected: string | null;
  /** Opens the way out. Resolves to its address, for a person. */
  open(): Promise<string>;
  /** Opens the way in, once results can leave. */
  takeFrames(): void;
  close(): Promise<void>;
  /** New connections use it. */
  useTls(files: TlsFiles): void;
}

const HOUR_MS = 3_600_000;

export class MqttRoad {
  private readonly frames: FrameHandler;
  private readonly broker: Broker;
  private readonly publisher: ResultPublisher;

  constructor(parts: MqttRoadParts) {
    const { config, onEvent } = parts;
    const topics = new Topics(config.mqtt.root);
    const maxMessageBytes = config.limits.message_bytes;
    this.frames = new FrameHandler(
      { topics, maxMessageBytes },
      {
        inspector: parts.inspector,
        countRefused: parts.countRefused,
        onRetained: parts.onRetained,
        clock: SYSTEM_CLOCK,
        // Best effort: the sender's frame left nothing behind, so there is nothing to send this from later.
        reply: ({ topic, payload, correlationData }) =>
          void this.broker.sink
            .publish(topic, payload, { qos: 1, retain: false, correlationData, contentType: 'application/json' })
            .catch((error: unknown) => {
              const message = messageOf(error);
              onEvent({ kind: 'publish_failed', message: `${topic}: ${message}` });
            }),
      },
    );
    this.broker =
      config.mqtt.url === null
        ? embedded(parts, topics, this.frames)
        : plant(parts, topics, this.frames, config.mqtt.url);
    this.publisher = new ResultPublisher(
      {
        root: config.mqtt.root,
        maxAgeMs: config.mqtt.outbox_max_age_hours * HOUR_MS,
        cameras: { listed: new Set(config.cameras.map(({ id }) => id)), maxOthers: config.unlisted_cameras.max },
        version: VERSION,
        onEvent,
      },
      {
        outbox: counted(parts.outbox, parts.onPublished),
        sink: this.broker.sink,
        isReady: parts.isReady,
        clock: SYSTEM_CLOCK,
      },
    );
  }

  /** Whether frames can come and results can leave. */
  get isConnected(): boolean {
    return this.broker.whyDisconnected === null;
  }

  get whyDisconnected(): string | null {
    return this.broker.whyDisconnected;
  }

  /** New connections get or show this certificate; open ones keep theirs. */
  useTls(files: TlsFiles): void {
    this.broker.useTls(files);
  }

  /**
   * Opens the broker, or starts reaching for the plant's, which may be away.
   * @returns its address
   * @throws when the embedded broker cannot listen
   */
  async start(): Promise<string> {
    const address = await this.broker.open();
    this.publisher.start();
    this.broker.takeFrames();
    return address;
  }

  /** Takes no new frame; resolves when those under way are answered, after `timeoutMs` at the latest. */
  async stopTaking(timeoutMs: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([
      this.frames.stop(),
      sleep(timeoutMs, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
  }

  /** Sends what the outbox holds, as far as it goes within `graceMs`, says goodbye and closes. */
  async stop(graceMs: number): Promise<void> {
    await this.publisher.stop(graceMs);
    await this.broker.close();
  }
}

function counted(outbox: Outbox, onPublished: (count: number) => void): Outbox {
  return {
    next: (limit) => outbox.next(limit),
    done: async (items) => {
      onPublished(items.length);
      await outbox.done(items);
    },
    drop: (before) => outbox.drop(before),
    onAdded: (listener) => outbox.onAdded(listener),
  };
}

function embedded(parts: MqttRoadParts, topics: Topics, frames: FrameHandler): Broker {
  const { config, secrets, tokens, onEvent } = parts;
  const { listen, max_clients: maxClients } = config.mqtt.embedded;
  const { host, port } = listenFrom(listen) ?? { host: '127.0.0.1', port: 0 };
  const maxMessageBytes = config.limits.message_bytes;
  const broker = new EmbeddedBroker(
    {
      host,
      port,
      tls: secrets.embeddedTls,
      bindsCameras: config.mqtt.embedded.tls?.camera_from_certificate ?? false,
      topics,
      maxMessageBytes,
      maxClients,
      onEvent,
    },
    { frames, countRefused: parts.countRefused, login: (name, password) => tokens.login(name, password) },
  );
  const scheme = secrets.embeddedTls === null ? 'mqtt' : 'mqtts';
  return {
    sink: broker,
    get whyDisconnected() {
      return broker.isConnected ? null : 'the embedded broker does not run';
    },
    open: async () => {
      const bound = await broker.start();
      return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound.port}`;
    },
    takeFrames: () => undefined,
    close: () => broker.stop(),
    useTls: (files) => {
      const pair = serverTls(files);
      if (pair !== null) broker.useTls(pair);
    },
  };
}

function plant(parts: MqttRoadParts, topics: Topics, frames: FrameHandler, url: string): Broker {
  const { config, secrets, onEvent } = parts;
  const { client_id: clientId, username, connections } = config.mqtt;
  const { password, ...files } = secrets.broker;
  // Read at every connection: a new certificate is at work from the next one on.
  const tls = { ...files };
  const access = { url, username, password, tls, onEvent };
  const sink = new MqttSink({
    ...access,
    clientId: `${clientId}-out`,
    will: { topic: topics.status, payload: statusJson('offline', VERSION, null) },
  });
  const maxMessageBytes = config.limits.message_bytes;
  const source = new PlantClient(
    { ...access, clientId: `${clientId}-in`, topics, connections, maxMessageBytes },
    frames,
  );
  return {
    sink,
    get whyDisconnected() {
      return sink.whyDisconnected ?? source.whyDisconnected;
    },
    open: async () => {
      sink.start();
      return url;
    },
    takeFrames: () => source.start(),
    close: async () => {
      await source.stop();
      await sink.stop();
    },
    useTls: (files) => void Object.assign(tls, files),
  };
}
