/**
 * The way to the plant's broker. Keeps nothing: a message that was not acknowledged when its connection ended is rejected, and
 * whoever sent it still has it (the outbox). The library's own store has lost messages in its replay, so it never replays:
 * every connection is a client object of its own.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { CLOSED, endGently, goodbyeOf, sendAtOnce, wantsOlder } from '../mqtt-socket.ts';
import { ConnectionLost, type Sink, SinkRefusal, type SinkPublishOptions } from './sink.ts';

export interface MqttSinkOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
  readonly url: string;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: { readonly ca: Buffer | null; readonly cert: Buffer | null; readonly key: Buffer | null };
  /** What the broker says, retained, when this end goes without a word. */
  readonly will: { readonly topic: string; readonly payload: string };
  /** Default 30 s; the broker notices a dead end after one and a half times as much. */
  readonly keepaliveSeconds?: number;
  /** First pause before the next try to connect; doubles up to 15 s. Default 500 ms. */
  readonly reconnectMs?: number;
  readonly onEvent?: (event: MqttSinkEvent) => void;
}

export type MqttSinkEvent =
  | { readonly kind: 'sink_connected' }
  | { readonly kind: 'sink_disconnected'; readonly message: string | null };

const MAX_RECONNECT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_SECONDS = 30;
/** Unacknowledged messages at once, where the broker names no lower number. */
const MAX_IN_FLIGHT = 64;

interface Link {
  readonly client: MqttClient;
  readonly maxInFlight: number;
  readonly rejects: Set<(error: Error) => void>;
  readonly waiting: (() => void)[];
  inFlight: number;
}

export class MqttSink implements Sink {
  private readonly options: MqttSinkOptions;
  private readonly listeners = new Set<() => void>();
  private readonly stopping = new AbortController();
  private protocolVersion: 4 | 5 = 5;
  private link: Link | null = null;
  private loop: Promise<void> | undefined;
  /** Why there is no connection, for a person. */
  private lastError: string | null = null;

  constructor(options: MqttSinkOptions) {
    this.options = options;
  }

  get isConnected(): boolean {
    return this.link !== null;
  }

  get whyDisconnected(): string | null {
    return this.link === null ? (this.lastError ?? 'not connected yet') : null;
  }

  start(): void {
    this.loop ??= this.keepConnected();
  }

  /** Says goodbye, so that the broker does not send the last will. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  onConnected(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Resolves with the broker's acknowledgement. Rejects when there is no connection or it ends; SinkRefusal when refused. */
  async publish(topic: string, payload: string | Buffer, options: SinkPublishOptions): Promise<void> {
    const { link } = this;
    if (link === null) throw new Error('the broker is not reached');
    const { correlationData = null, contentType, retain, qos } = options;
    const properties = {
      ...(correlationData === null ? {} : { correlationData: Buffer.from(correlationData) }),
      ...(contentType === undefined ? {} : { contentType }),
    };
    const hasProperties = this.protocolVersion === 5 && Object.keys(properties).length > 0;
    await new Promise<void>((resolve, reject) => {
      const settle = (error: Error | null) => {
        if (!link.rejects.delete(reject)) return;
        link.inFlight -= 1;
        link.waiting.shift()?.();
        if (error === null) resolve();
        else reject(refusalOf(error));
      };
      const send = () => {
        link.inFlight += 1;
        link.client.publish(topic, payload, { qos, retain, ...(hasProperties ? { properties } : {}) }, (error) =>
          settle(error ?? null),
        );
      };
      link.rejects.add(reject);
      if (link.inFlight < link.maxInFlight) send();
      else link.waiting.push(send);
    });
  }

  private async keepConnected(): Promise<void> {
    const { reconnectMs = 500, onEvent } = this.options;
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      const { message, wasConnected } = await this.connectOnce();
      this.lastError = message;
      onEvent?.({ kind: 'sink_disconnected', message });
      failures = wasConnected ? 1 : failures + 1;
      const pauseMs = Math.min(MAX_RECONNECT_MS, reconnectMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
      await sleep(pauseMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  private connectOnce(): Promise<{ readonly message: string | null; readonly wasConnected: boolean }> {
    const client = connect(this.options.url, this.connectOptions());
    let message: string | null = null;
    let wasConnected = false;
    client.on('error', (error) => {
      message = error.message;
      if (wantsOlder(error)) this.protocolVersion = 4;
      client.end(true);
    });
    client.on('disconnect', (packet) => {
      message = goodbyeOf(packet);
    });
    client.on('connect', (connack) => {
      sendAtOnce(client);
      wasConnected = true;
      const maxInFlight = Math.min(MAX_IN_FLIGHT, connack.properties?.receiveMaximum ?? MAX_IN_FLIGHT);
      this.link = { client, maxInFlight, rejects: new Set(), waiting: [], inFlight: 0 };
      this.options.onEvent?.({ kind: 'sink_connected' });
      for (const listener of this.listeners) listener();
    });
    const onStop = () => void endGently(client);
    this.stopping.signal.addEventListener('abort', onStop, { once: true });
    return new Promise((resolve) => {
      client.once('close', () => {
        this.stopping.signal.removeEventListener('abort', onStop);
        const { link } = this;
        this.link = null;
        const rejects = link === null ? [] : [...link.rejects];
        link?.rejects.clear();
        for (const reject of rejects)
          reject(new ConnectionLost('the connection to the broker ended before the acknowledgement'));
        client.end(true);
        if (wasConnected && !this.stopping.signal.aborted) message ??= CLOSED;
        resolve({ message, wasConnected });
      });
    });
  }

  private connectOptions(): IClientOptions {
    const { clientId, username, password, tls, will, keepaliveSeconds = KEEPALIVE_SECONDS } = this.options;
    return {
      clientId,
      protocolVersion: this.protocolVersion,
      clean: true,
      keepalive: keepaliveSeconds,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      ...(tls.ca === null ? {} : { ca: tls.ca }),
      ...(tls.cert === null ? {} : { cert: tls.cert }),
      ...(tls.key === null ? {} : { key: tls.key }),
    };
  }
}

function refusalOf(error: Error): Error {
  const code = 'code' in error ? Number(error.code) : Number.NaN;
  return code >= 128 ? new SinkRefusal(`the broker refuses the message: ${error.message}`, { cause: error }) : error;
}
