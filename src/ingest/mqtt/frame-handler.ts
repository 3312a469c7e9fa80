/**
 * What becomes of one published frame, the same on both brokers:
 *
 *   PUBLISH ─> frame ─> inspector ──answered (committed)──> taken     acknowledge
 *                          │  ├─────refused for good──────> refused   acknowledge, and tell the sender why
 *                          │  └─────refused for now ──┐
 *                          └───────── wait <──────────┘     held      no acknowledgement: the frame stays with its sender
 */

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, RETRY_AFTER_MS } from '../../errors.ts';
import type { CameraId, Frame } from '../../frame/frame.ts';
import type { Delivery, Refusal } from '../../frame/verdict.ts';
import { type Clock, invalidRequest, quote, takeIn } from '../intake.ts';
import type { CountRefused, Inspector } from '../ports.ts';
import { draftOf, type Publish } from './message.ts';
import type { InTopic, Topics } from './topics.ts';

export interface Reply {
  readonly topic: string;
  /** JSON, `inspection.error/1`. */
  readonly payload: string;
  readonly correlationData: Uint8Array | null;
}

export interface FramePorts {
  readonly inspector: Inspector;
  readonly countRefused: CountRefused;
  /** Publishes at QoS 1 as well as it can be done now; never throws. */
  readonly reply: (reply: Reply) => void;
  readonly onRetained: () => void;
  readonly clock: Clock;
}

export interface FrameHandlerOptions {
  readonly topics: Topics;
  readonly maxMessageBytes: number;
  /** First pause before a frame is offered again; doubles up to ten times as much. Default 1 s. */
  readonly retryMs?: number;
}

export type Handled =
  | { readonly kind: 'taken' }
  | { readonly kind: 'ignored' }
  /** Not recorded. Sending the same again is of no use. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Not recorded. The connection ended, or the service stops, before it could be. */
  | { readonly kind: 'held' };

export const ERROR_SCHEMA = 'inspection.error/1';
const MAX_CORRELATION_BYTES = 1024;
/** `internal` is a bug: one that a frame itself provokes must not block its camera for ever. */
const MAX_INTERNAL_TRIES = 3;

export class FrameHandler {
  private readonly options: FrameHandlerOptions;
  private readonly ports: FramePorts;
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<Handled>>();

  constructor(options: FrameHandlerOptions, ports: FramePorts) {
    this.options = options;
    this.ports = ports;
  }

  /**
   * @param connection aborted when the connection that brought the message has ended
   * @returns when the frame is committed, refused for good, or has to stay with its sender. Never rejects.
   */
  handle(publish: Publish, connection: AbortSignal): Promise<Handled> {
    if (this.stopping.signal.aborted) return Promise.resolve({ kind: 'held' });
    const work = this.work(publish, connection).finally(() => this.underWay.delete(work));
    this.underWay.add(work);
    return work;
  }

  /** Takes no new frame, and resolves when those under way have ended; frames that wait for the store are held. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.underWay);
  }

  private async work(publish: Publish, connection: AbortSignal): Promise<Handled> {
    const { topics } = this.options;
    const topic = topics.parse(publish.topic);
    if (publish.retain) {
      // An old part: a broker replays it to whoever subscribes, and the line moved on long ago.
      this.ports.onRetained();
      this.tell(
        publish,
        topic?.cameraId ?? null,
        null,
        invalidRequest('expected a frame that is not retained, got a retained one'),
      );
      return { kind: 'ignored' };
    }
    if (topic === null) return { kind: 'ignored' };
    if (topic.kind === 'refused') return this.refuse(publish, topic.cameraId, lastLevelOf(publish), topic);
    const { cameraId } = topic;
    const named = nameOf(publish, topic);
    const deliveries = this.deliveriesOf(publish, cameraId);
    if ('kind' in deliveries) return this.refuse(publish, cameraId, named, deliveries);
    const tooLarge = this.whyTooLarge(publish);
    if (tooLarge !== null) return this.refuse(publish, cameraId, named, tooLarge);
    const drafted = draftOf(publish, topic);
    if (drafted.kind === 'refused') return this.refuse(publish, cameraId, named, drafted);
    const intake = takeIn(drafted.draft, 'mqtt', this.ports.clock);
    if (intake.kind === 'refused') return this.refuse(publish, cameraId, drafted.draft.frameId, intake);
    return this.inspect(publish, intake.frame, deliveries, connection);
  }

  private async inspect(
    publish: Publish,
    frame: Frame,
    deliveries: readonly Delivery[],
    connection: AbortSignal,
  ): Promise<Handled> {
    const { retryMs = RETRY_AFTER_MS } = this.options;
    for (let tries = 1; ; tries += 1) {
      // Each try is a new arrival: a frame held through an outage has not used up its camera's takt meanwhile.
      const arrived = tries === 1 ? frame : { ...frame, receivedAtMono: this.ports.clock.mono() };
      const outcome = await this.ports.inspector.inspect(arrived, {
        deliveries,
        isRepeat: publish.isRepeat || tries > 1,
      });
      if (outcome.kind === 'answered') return { kind: 'taken' };
      const isFinal =
        !describeError(outcome.code).retry ||
        // Held here, a camera that sends too fast would hold up all others of its connection.
        outcome.code === 'rate_limited' ||
        (outcome.code === 'internal' && tries >= MAX_INTERNAL_TRIES);
      if (isFinal) {
        this.tell(publish, frame.cameraId, frame.frameId, outcome);
        return { kind: 'refused', refusal: outcome };
      }
      const pauseMs = retryMs * Math.min(10, 2 ** (tries - 1)) * (0.75 + Math.random() / 2);
      await pause(pauseMs, [connection, this.stopping.signal]);
      if (connection.aborted || this.stopping.signal.aborted) return { kind: 'held' };
    }
  }

  private deliveriesOf({ properties }: Publish, cameraId: CameraId): readonly Delivery[] | Refusal {
    const topic = properties?.responseTopic;
    if (topic === undefined || topic === '') return [];
    if (!this.options.topics.isResponseTopic(topic, cameraId)) {
      return invalidRequest(
        `expected a response topic that is free to write, at most 256 characters; got ${quote(topic)}`,
      );
    }
    const correlationData = properties?.correlationData ?? null;
    if (correlationData !== null && correlationData.byteLength > MAX_CORRELATION_BYTES) {
      return invalidRequest(
        `expected correlation data of at most ${MAX_CORRELATION_BYTES} bytes, got ${correlationData.byteLength}`,
      );
    }
    return [{ topic, correlationData }];
  }

  private whyTooLarge({ payload }: Publish): Refusal | null {
    const { maxMessageBytes } = this.options;
    if (payload.byteLength <= maxMessageBytes) return null;
    const message = `expected at most ${maxMessageBytes} bytes, got ${payload.byteLength}`;
    return { kind: 'refused', code: 'message_too_large', message };
  }

  private refuse(publish: Publish, cameraId: CameraId | null, frameId: string | null, refusal: Refusal): Handled {
    this.ports.countRefused('mqtt', refusal.code);
    this.tell(publish, cameraId, frameId, refusal);
    return { kind: 'refused', refusal };
  }

  /** To the response topic where a usable one came, else to the camera's error topic. */
  private tell(publish: Publish, cameraId: CameraId | null, frameId: string | null, refusal: Refusal): void {
    if (cameraId === null) return;
    const { topics } = this.options;
    const { responseTopic = '', correlationData = null } = publish.properties ?? {};
    const isUsable = topics.isResponseTopic(responseTopic, cameraId);
    const echoed =
      correlationData !== null && correlationData.byteLength <= MAX_CORRELATION_BYTES ? correlationData : null;
    const payload = JSON.stringify({
      schema: ERROR_SCHEMA,
      code: refusal.code,
      message: refusal.message,
      retry: describeError(refusal.code).retry,
      cameraId,
      frameId: frameId === null || frameId === '' ? null : frameId.slice(0, 128),
      at: new Date(this.ports.clock.now()).toISOString(),
    });
    this.ports.reply({
      topic: isUsable ? responseTopic : topics.error(cameraId),
      payload,
      correlationData: isUsable ? echoed : null,
    });
  }
}

/** Ends at once where one of `ends` is aborted. Node 20 would keep a little of each AbortSignal.any for as long as the oldest of its signals lives. */
async function pause(ms: number, ends: readonly AbortSignal[]): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
  // Any number of frames may be held.
  setMaxListeners(0, ...ends);
  for (const signal of ends) signal.addEventListener('abort', end);
  if (ends.some(({ aborted }) => aborted)) end();
  await sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  for (const signal of ends) signal.removeEventListener('abort', end);
}

const lastLevelOf = ({ topic }: Publish) => topic.slice(topic.lastIndexOf('/') + 1);

/** The frame id that somebody wrote, however bad, so that they find their frame in the message. */
function nameOf(publish: Publish, topic: InTopic): string | null {
  if (topic.kind === 'frame' && topic.frameId !== null) return topic.frameId;
  const value = publish.properties?.userProperties?.['frame-id'];
  return typeof value === 'string' ? value : null;
}
