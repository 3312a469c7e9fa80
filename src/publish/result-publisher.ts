/**
 * From the outbox to the broker.
 *
 *   ledger commit ─> outbox ─> a window of messages, in order ─> broker ─PUBACK─> done ─> out of the outbox
 *                       ^                    │
 *                       └── of each camera from its first one that was not acknowledged, after a pause
 *
 * A message leaves the outbox when the broker has it, so nothing is lost by a dead broker or a killed process; one may come
 * twice, and carries its resultId for that. Messages of one camera are never overtaken by later ones. A camera whose results the
 * broker refuses waits alone. Where a broker refuses by ending the connection, that happens again and again: then one message goes
 * alone, and whose it is waits if that was it; its next try goes alone too. What the station says of itself (OwnTopic) is told apart
 * in the same way, and left out where the connection ends over it.
 */

import { messageOf } from '../errors.ts';
import type { CameraId } from '../frame/frame.ts';
import { resultJson } from '../frame/result-json.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import { type CamerasTold, CameraStates } from './camera-state.ts';
import { OwnTopic } from './own-topic.ts';
import { ConnectionLost, type Sink, SinkRefusal } from './sink.ts';

export interface OutboxItem {
  readonly id: number;
  readonly cameraId: CameraId;
  /** Null for the camera's own result topic. */
  readonly topic: string | null;
  readonly correlationData: Uint8Array | null;
  readonly duplicate: boolean;
  readonly result: RecordedResult;
}

export interface Outbox {
  /** The oldest messages that are not done, of each camera its share, in the order of their commit. */
  next(limit: number): Promise<readonly OutboxItem[]>;
  /** These, and all earlier ones of the same cameras. */
  done(items: readonly OutboxItem[]): Promise<void>;
  drop(before: { readonly olderThanMs: number }): Promise<number>;
  onAdded(listener: () => void): () => void;
}

export interface ResultPublisherOptions {
  readonly root: string;
  /** Messages older than this are given up. */
  readonly maxAgeMs: number;
  /** Messages on their way at once. Default 256. */
  readonly window?: number;
  /** First pause after a failure; doubles up to ten seconds. Default 250 ms. */
  readonly retryMs?: number;
  /** Least time between two state messages of a camera. Default 1 s. */
  readonly statePeriodMs?: number;
  /** Whose state is retained on the broker. */
  readonly cameras: CamerasTold;
  readonly version: string;
  readonly onEvent?: (event: PublisherEvent) => void;
}

export interface PublisherPorts {
  readonly outbox: Outbox;
  readonly sink: Sink;
  readonly isReady: () => boolean;
  /** `now`: milliseconds since 1970; `mono`: monotonic milliseconds. */
  readonly clock: { now(): number; mono(): number };
}

export type PublisherEvent =
  /** Messages that waited too long were dropped. */
  | { readonly kind: 'results_given_up'; readonly count: number }
  /** The broker will not have an answer on the topic that its sender asked for. It stands in the ledger, and on the camera's own topic. */
  | { readonly kind: 'reply_refused'; readonly topic: string; readonly message: string }
  | { readonly kind: 'publish_failed'; readonly message: string }
  /** The broker ends the connection over it, so nothing is published on it for as long. */
  | { readonly kind: 'topic_left_out'; readonly topic: string; readonly seconds: number };

const WINDOW = 256;
const RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;
const LOSSES_BEFORE_SEARCH = 3;
const STATE_PERIOD_MS = 1000;
const AGE_CHECK_MS = 60_000;

export type NodeStatus = 'online' | 'stopped' | 'offline';

/** The retained message on `{root}/status`; the one that says `offline` is the last will of the sink. */
export function statusJson(status: NodeStatus, version: string, at: number | null): string {
  return JSON.stringify({
    schema: 'loupe.status/1',
    status,
    version,
    at: at === null ? null : new Date(at).toISOString(),
  });
}

export class ResultPublisher {
  private readonly options: ResultPublisherOptions;
  private readonly ports: PublisherPorts;
  private readonly states: CameraStates;
  private readonly statusTopic: OwnTopic;
  /** Of all cameras. */
  private readonly stateTopic: OwnTopic;
  private readonly unsubscribe: (() => void)[] = [];
  /** Cameras whose results the broker refused, how often in a row, and the monotonic moment of the next try. */
  private readonly refused = new Map<CameraId, { readonly failures: number; readonly untilMono: number }>();
  /** When the first of those is due that have something waiting. */
  private nextDueMono = Number.POSITIVE_INFINITY;
  private wake: () => void = () => undefined;
  private isWoken = false;
  private isStopping = false;
  private hasSaidOnline = false;
  private areStatesDue = false;
  /** How often in a row the connection ended over what was sent. */
  private losses = 0;
  private ageCheckedAtMono = Number.NEGATIVE_INFINITY;
  private stateTimer: NodeJS.Timeout | undefined;
  private loop: Promise<void> | undefined;

  constructor(options: ResultPublisherOptions, ports: PublisherPorts) {
    this.options = options;
    this.ports = ports;
    this.states = new CameraStates(ports.clock.now(), options.cameras);
    this.statusTopic = this.ownTopic(`${options.root}/status`);
    this.stateTopic = this.ownTopic(`${options.root}/+/state`);
  }

  start(): void {
    if (this.loop !== undefined) return;
    const { outbox, sink } = this.ports;
    this.unsubscribe.push(
      outbox.onAdded(() => this.rouse()),
      sink.onConnected(() => {
        this.hasSaidOnline = false;
        this.states.touchAll();
        this.rouse();
      }),
    );
    this.stateTimer = setInterval(() => {
      if (!this.states.hasDirty || this.stateTopic.isSilent) return;
      this.areStatesDue = true;
      this.rouse();
    }, this.options.statePeriodMs ?? STATE_PERIOD_MS);
    this.loop = this.run();
  }

  /** Sends what the outbox holds, as far as it goes within `graceMs`, then says `stopped`. The rest is sent at the next start. */
  async stop(graceMs: number): Promise<void> {
    if (this.isStopping) return this.loop;
    this.isStopping = true;
    this.rouse();
    for (const off of this.unsubscribe) off();
    clearInterval(this.stateTimer);
    await within(graceMs, this.loop ?? Promise.resolve());
    await within(graceMs, this.publishStates(false));
    await within(graceMs, this.publishStatus('stopped'));
  }

  private async run(): Promise<void> {
    let failures = 0;
    for (;;) {
      let isDone = false;
      try {
        isDone = await this.work();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.options.onEvent?.({
          kind: 'publish_failed',
          message: messageOf(error),
        });
      }
      if (this.isStopping && (isDone || failures > 0)) return;
      if (isDone) await this.rest(Math.min(AGE_CHECK_MS, this.nextDueMono - this.ports.clock.mono()));
      else if (failures > 0) await pause(this.pauseMs(failures));
    }
  }

  /** One window. True when there is nothing to do for now. */
  private async work(): Promise<boolean> {
    const { outbox, sink } = this.ports;
    this.nextDueMono = Number.POSITIVE_INFINITY;
    await this.dropAged();
    if (!this.hasSaidOnline && !this.isStopping) this.hasSaidOnline = await this.publishStatus('online');
    if (this.areStatesDue) {
      this.areStatesDue = false;
      const sent = this.publishStates();
      // While it is not told what ends the connection, nothing goes beside them.
      if (this.losses > 0 || this.refused.size > 0 || this.stateTopic.isSuspect) await sent;
    }
    if (!sink.isConnected) return true;
    const due = this.due(await outbox.next(this.options.window ?? WINDOW));
    const suspect = due.find(({ cameraId }) => this.refused.has(cameraId)) ?? (this.isSearching ? due[0] : undefined);
    const items = suspect === undefined ? due : [suspect];
    if (items.length === 0) return true;
    const sent = await Promise.allSettled(items.map((item) => this.publishItem(item)));
    const failed = new Map<CameraId, unknown>();
    const acknowledged = items.filter(({ cameraId }, i) => {
      const end = sent[i];
      if (end?.status === 'rejected' && !failed.has(cameraId)) failed.set(cameraId, end.reason);
      return !failed.has(cameraId);
    });
    if (acknowledged.length > 0) await outbox.done(acknowledged);
    for (const { cameraId, result, topic } of acknowledged) {
      this.refused.delete(cameraId);
      if (topic === null) this.states.note(result);
    }
    const isLost = [...failed.values()].some((reason) => reason instanceof ConnectionLost);
    this.losses = isLost && suspect === undefined ? this.losses + 1 : 0;
    for (const [cameraId, reason] of failed) {
      const isRefused = reason instanceof SinkRefusal || (reason instanceof ConnectionLost && suspect !== undefined);
      if (!isRefused) throw reason;
      this.setAside(cameraId, reason);
    }
    return false;
  }

  /** One of those that were sent is what ends the connection. */
  private get isSearching(): boolean {
    return this.losses >= LOSSES_BEFORE_SEARCH;
  }

  /** Those of `waiting` that are not of a camera that was set aside. */
  private due(waiting: readonly OutboxItem[]): readonly OutboxItem[] {
    const now = this.ports.clock.mono();
    return waiting.filter(({ cameraId }) => {
      const untilMono = this.refused.get(cameraId)?.untilMono ?? now;
      if (untilMono > now) this.nextDueMono = Math.min(this.nextDueMono, untilMono);
      return untilMono <= now;
    });
  }

  private setAside(cameraId: CameraId, { message }: Error): void {
    const failures = (this.refused.get(cameraId)?.failures ?? 0) + 1;
    this.refused.set(cameraId, { failures, untilMono: this.ports.clock.mono() + this.pauseMs(failures) });
    this.options.onEvent?.({ kind: 'publish_failed', message: `${this.topicOf(cameraId)}: ${message}` });
  }

  private pauseMs(failures: number): number {
    const { retryMs = RETRY_MS } = this.options;
    return Math.min(MAX_RETRY_MS, retryMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
  }

  private topicOf(cameraId: CameraId): string {
    return `${this.options.root}/${cameraId}/result`;
  }

  private async publishItem({ cameraId, topic, correlationData, result, duplicate }: OutboxItem): Promise<void> {
    const payload = JSON.stringify(resultJson(result, duplicate));
    const options = { retain: false, qos: 1, correlationData, contentType: 'application/json' } as const;
    try {
      await this.ports.sink.publish(topic ?? this.topicOf(cameraId), payload, options);
    } catch (error) {
      // A topic that a sender chose must not stop the results of everybody else.
      if (topic === null || !(error instanceof SinkRefusal)) throw error;
      this.options.onEvent?.({ kind: 'reply_refused', topic, message: error.message });
    }
  }

  private async dropAged(): Promise<void> {
    const now = this.ports.clock.mono();
    if (now - this.ageCheckedAtMono < AGE_CHECK_MS) return;
    this.ageCheckedAtMono = now;
    const count = await this.ports.outbox.drop({ olderThanMs: this.options.maxAgeMs });
    if (count > 0) this.options.onEvent?.({ kind: 'results_given_up', count });
  }

  private async publishStates(isReady = this.ports.isReady()): Promise<void> {
    if (!this.ports.sink.isConnected) return;
    await this.stateTopic.send(() =>
      this.states
        .takeDirty(isReady)
        .map(({ cameraId, payload }) => this.publishRetained(`${this.options.root}/${cameraId}/state`, payload)),
    );
  }

  /** Resolves to whether it went out. */
  private async publishStatus(status: NodeStatus): Promise<boolean> {
    const { sink, clock } = this.ports;
    if (!sink.isConnected) return false;
    const { root, version } = this.options;
    const payload = statusJson(status, version, clock.now());
    return this.statusTopic.send(() => [this.publishRetained(`${root}/status`, payload)]);
  }

  private ownTopic(topic: string): OwnTopic {
    return new OwnTopic(
      () => this.ports.clock.mono(),
      (seconds) => this.options.onEvent?.({ kind: 'topic_left_out', topic, seconds }),
    );
  }

  /** What the broker does not let us say of ourselves is told in the log, and holds no result up. */
  private async publishRetained(topic: string, payload: string): Promise<void> {
    try {
      await this.ports.sink.publish(topic, payload, { retain: true, qos: 1, contentType: 'application/json' });
    } catch (error) {
      if (error instanceof ConnectionLost) throw error;
      this.options.onEvent?.({ kind: 'publish_failed', message: `${topic}: ${messageOf(error)}` });
    }
  }

  private rouse(): void {
    this.isWoken = true;
    this.wake();
  }

  /** Until something happens, at most `ms`. */
  private async rest(ms: number): Promise<void> {
    if (!this.isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.isWoken = false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Resolves when `work` has settled, after `ms` at the latest. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), limit]);
  clearTimeout(timer);
}
