/**
 * A camera on one `InspectStream`. Answers come in any order and are told apart by camera and frame id; when the stream ends,
 * the frames on it are without an answer, and the next one opens another.
 */

import type { Client, ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js';
import type { WireResponse } from '../ingest/wire/response.ts';
import { answered, failed, isErrorCode, methodOf, requestOf } from './grpc-answers.ts';
import type { FrameSender, OutgoingFrame, SendOutcome } from './sender.ts';

interface StreamAnswer {
  readonly result?: WireResponse;
  readonly error?: {
    readonly camera_id: string;
    readonly frame_id: string;
    readonly code: string;
    readonly message: string;
  };
}

type Settle = (outcome: SendOutcome) => void;
type Stream = ClientDuplexStream<object, StreamAnswer>;

export class GrpcStreamSender implements FrameSender {
  private readonly client: Client;
  private readonly metadata: Metadata;
  private readonly recipeId: string | null;
  private readonly answerMs: number;
  /** By camera and frame id; several where a frame was sent again before its answer came. */
  private readonly waiting = new Map<string, Settle[]>();
  private stream: Stream | null = null;

  constructor(client: Client, metadata: Metadata, recipeId: string | null, answerMs: number) {
    this.client = client;
    this.metadata = metadata;
    this.recipeId = recipeId;
    this.answerMs = answerMs;
  }

  send(frame: OutgoingFrame): Promise<SendOutcome> {
    const name = nameOf(frame.cameraId, frame.frameId);
    this.stream ??= this.open();
    const { stream } = this;
    return new Promise((resolve) => {
      const settle: Settle = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const timer = setTimeout(() => {
        this.forget(name, settle);
        resolve({ kind: 'error', code: 'no_answer', message: `no answer within ${this.answerMs} ms` });
      }, this.answerMs);
      this.waiting.set(name, [...(this.waiting.get(name) ?? []), settle]);
      stream.write({ frame: requestOf(frame, this.recipeId) });
    });
  }

  async close(): Promise<void> {
    this.stream?.end();
    this.client.close();
  }

  private open(): Stream {
    const { path, requestSerialize, responseDeserialize } = methodOf('InspectStream');
    const stream = this.client.makeBidiStreamRequest<object, StreamAnswer>(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => StreamAnswer,
      this.metadata,
    );
    stream.on('data', (answer: StreamAnswer) => this.hear(answer));
    stream.on('error', (error: ServiceError) => this.lose(stream, failed(error)));
    stream.on('end', () => this.lose(stream, { kind: 'error', code: 'unreachable', message: 'the stream has ended' }));
    return stream;
  }

  private hear({ result, error }: StreamAnswer): void {
    if (result !== undefined) this.settle(nameOf(result.camera_id, result.frame_id), answered(result));
    if (error === undefined) return;
    const code = isErrorCode(error.code) ? error.code : 'internal';
    this.settle(nameOf(error.camera_id, error.frame_id), { kind: 'error', code, message: error.message });
  }

  private settle(name: string, outcome: SendOutcome): void {
    const [first] = this.waiting.get(name) ?? [];
    if (first === undefined) return;
    this.forget(name, first);
    first(outcome);
  }

  private forget(name: string, settle: Settle): void {
    const rest = (this.waiting.get(name) ?? []).filter((one) => one !== settle);
    if (rest.length === 0) this.waiting.delete(name);
    else this.waiting.set(name, rest);
  }

  private lose(stream: Stream, outcome: SendOutcome): void {
    if (this.stream !== stream) return;
    this.stream = null;
    const lost = [...this.waiting.values()].flat();
    this.waiting.clear();
    for (const settle of lost) settle(outcome);
  }
}

function nameOf(cameraId: string, frameId: string): string {
  return `${cameraId}/${frameId}`;
}
