/**
 * A camera on MQTT, 5 or 3.1.1.
 *
 *   5      answers come to a topic of this client's own, matched by correlation data
 *   3.1.1  answers come to {root}/{camera}/result and error, matched by frame id
 */

import { randomUUID } from 'node:crypto';
import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { ERROR_CODES, type ErrorCode, messageOf } from '../errors.ts';
import { VERDICTS, type Verdict } from '../frame/verdict.ts';
import { sendAtOnce } from '../mqtt-socket.ts';
import type { FrameSender, OutgoingFrame, SendOutcome } from './sender.ts';
import type { ClientTls } from './tls.ts';

export interface MqttSenderOptions {
  /** mqtt://HOST:PORT or mqtts:// */
  readonly url: string;
  readonly root: string;
  readonly username?: string;
  readonly password?: string;
  /** For mqtts://; null: the authorities that Node trusts. */
  readonly tls?: ClientTls | null;
  /** Default 5. */
  readonly protocolVersion?: 4 | 5;
  /** How long to wait for the answer to a frame, and for the connection. Default 30 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const CONNECT_MS = 5000;
const EXPLANATION_MS = 500;

/** Rejects where no broker answers, or it refuses. Later losses of the connection heal by themselves. */
export async function connectMqttSender(options: MqttSenderOptions): Promise<FrameSender> {
  const { url, root, username, password, tls = null, protocolVersion = 5, timeoutMs = TIMEOUT_MS } = options;
  const id = `loupe-send-${randomUUID().slice(0, 8)}`;
  let client: MqttClient;
  try {
    client = await connectAsync(
      url,
      {
        clientId: id,
        protocolVersion,
        clean: true,
        connectTimeout: Math.min(CONNECT_MS, timeoutMs),
        reconnectPeriod: 1000,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(tls?.ca ? { ca: tls.ca } : {}),
        ...tls?.client,
      },
      false,
    );
  } catch (error) {
    const why = error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);
    // A CONNACK with a reason code, which mqtt.js calls a connection that was refused.
    const isRefusal = error instanceof Error && 'code' in error && typeof error.code === 'number';
    const told = isRefusal
      ? `the broker at ${url} lets nobody in so: ${why.replace(/^Connection refused: /, '')}`
      : `no broker answers at ${url}: ${why}`;
    throw new Error(told, { cause: error });
  }
  const sender = new MqttSender(client, { root, id, isV5: protocolVersion === 5, timeoutMs });
  if (protocolVersion === 5) await sender.listen([`${root}/reply/${id}`]);
  return sender;
}

interface SenderSettings {
  readonly root: string;
  readonly id: string;
  readonly isV5: boolean;
  readonly timeoutMs: number;
}

class MqttSender implements FrameSender {
  private readonly client: MqttClient;
  private readonly settings: SenderSettings;
  /** By correlation data on 5, by camera and frame id on 3.1.1. */
  private readonly waiting = new Map<string, ((outcome: SendOutcome) => void)[]>();
  private readonly cameras = new Map<string, Promise<void>>();
  private sent = 0;

  constructor(client: MqttClient, settings: SenderSettings) {
    this.client = client;
    this.settings = settings;
    sendAtOnce(client);
    client.on('connect', () => sendAtOnce(client));
    client.on('message', (_topic, payload, packet) => this.receive(payload, packet));
    // Without a listener an error would end the process; what it means for a frame shows in its own outcome.
    client.on('error', () => undefined);
  }

  async listen(topics: string[]): Promise<void> {
    const granted = await this.client.subscribeAsync(topics, { qos: 1 });
    const refused = granted.filter(({ qos }) => qos >= 128);
    if (refused.length > 0) throw new Error(`the broker refuses the subscription to ${topics.join(', ')}`);
  }

  async send(frame: OutgoingFrame): Promise<SendOutcome> {
    const { root, id, isV5, timeoutMs } = this.settings;
    const { cameraId, frameId, contentType, capturedAt, sequence, isSimulated } = frame;
    try {
      if (!isV5) await this.listenTo(cameraId);
    } catch (error) {
      return failed('unreachable', error);
    }
    this.sent += 1;
    const key = isV5 ? String(this.sent) : `${cameraId}/${frameId}`;
    const userProperties = {
      ...(capturedAt === null ? {} : { 'captured-at': new Date(capturedAt).toISOString() }),
      ...(sequence === null ? {} : { sequence: String(sequence) }),
      ...(isSimulated ? { simulated: 'true' } : {}),
    };
    const properties = {
      ...(contentType === null ? {} : { contentType }),
      responseTopic: `${root}/reply/${id}`,
      correlationData: Buffer.from(key),
      // mqtt-packet 9 writes a wrong length for an empty set, and the broker waits for the rest for ever.
      ...(Object.keys(userProperties).length === 0 ? {} : { userProperties }),
    };
    return new Promise<SendOutcome>((resolve) => {
      const settle = (outcome: SendOutcome) => {
        clearTimeout(timer);
        this.forget(key, settle);
        resolve(outcome);
        // Given up: a frame that the broker cuts the connection for would be sent again after every reconnect.
        const isGivenUp = outcome.kind === 'error' && outcome.code === 'no_answer';
        if (isGivenUp && messageId !== undefined) this.client.removeOutgoingMessage(messageId);
      };
      const timer = setTimeout(
        () => settle({ kind: 'error', code: 'no_answer', message: `no answer within ${timeoutMs} ms` }),
        timeoutMs,
      );
      let messageId: number | undefined;
      this.waiting.set(key, [...(this.waiting.get(key) ?? []), settle]);
      this.client.publish(
        `${root}/${cameraId}/frame/${frameId}`,
        Buffer.from(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.byteLength),
        { qos: 1, ...(isV5 ? { properties } : {}) },
        (error) => {
          // Free from here on: the next frame may travel under this id.
          messageId = undefined;
          if (!error) return;
          const code = codeOf(error);
          // The broker's refusal may overtake Loupe's own message, which says what was wrong.
          setTimeout(() => settle(failed(code, error)), code === 'permission_denied' ? EXPLANATION_MS : 0);
        },
      );
      messageId = this.client.getLastMessageId();
    });
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
    for (const settles of this.waiting.values()) {
      for (const settle of settles) settle({ kind: 'error', code: 'no_answer', message: 'the connection was closed' });
    }
  }

  private listenTo(cameraId: string): Promise<void> {
    const { root } = this.settings;
    const known = this.cameras.get(cameraId);
    if (known !== undefined) return known;
    const listening = this.listen([`${root}/${cameraId}/result`, `${root}/${cameraId}/error`]);
    this.cameras.set(cameraId, listening);
    listening.catch(() => this.cameras.delete(cameraId));
    return listening;
  }

  private forget(key: string, settle: (outcome: SendOutcome) => void): void {
    const left = (this.waiting.get(key) ?? []).filter((candidate) => candidate !== settle);
    if (left.length === 0) this.waiting.delete(key);
    else this.waiting.set(key, left);
  }

  private receive(payload: Buffer, packet: IPublishPacket): void {
    const message = messageFrom(payload);
    if (message === null) return;
    const key = this.settings.isV5
      ? (packet.properties?.correlationData?.toString() ?? '')
      : `${text(message['cameraId'])}/${text(message['frameId'])}`;
    // One answer settles everybody who asked the same.
    for (const settle of this.waiting.get(key) ?? []) settle(outcomeOf(message));
  }
}

function messageFrom(payload: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function outcomeOf(message: Readonly<Record<string, unknown>>): SendOutcome {
  const code = message['code'];
  if (code !== undefined) {
    const known = ERROR_CODES.find((candidate) => candidate === code);
    return { kind: 'error', code: known ?? 'internal', message: text(message['message']) };
  }
  const verdict = VERDICTS.find((candidate) => candidate === message['verdict']);
  if (verdict === undefined) return { kind: 'error', code: 'internal', message: 'the answer carries no verdict' };
  return answered(message, verdict);
}

function answered(message: Readonly<Record<string, unknown>>, verdict: Verdict): SendOutcome {
  const { reason, defectProbability } = message;
  return {
    kind: 'answered',
    resultId: text(message['resultId']),
    verdict,
    reason: typeof reason === 'string' ? reason : null,
    probability: typeof defectProbability === 'number' ? defectProbability : null,
    duplicate: message['duplicate'] === true,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function failed(code: ErrorCode | 'unreachable', error: unknown): SendOutcome {
  return { kind: 'error', code, message: messageOf(error) };
}

/** 0x87: the user may not, or the frame breaks a rule; the error message that follows or came before says which. */
function codeOf(error: Error): ErrorCode | 'unreachable' {
  if ('code' in error && error.code === 0x95) return 'message_too_large';
  if ('code' in error && error.code === 0x87) return 'permission_denied';
  return 'unreachable';
}
