/**
 * A camera on gRPC. One unary call per frame, unless it is told to stream: each frame fails or waits alone, whatever happens to
 * its neighbours, and the deadline of the call is the sender's patience.
 */

import { Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import type { WireResponse } from '../ingest/wire/response.ts';
import { answered, failed, methodOf, requestOf } from './grpc-answers.ts';
import { GrpcStreamSender } from './grpc-stream-sender.ts';
import type { FrameSender, OutgoingFrame, SendOutcome } from './sender.ts';
import type { ClientTls } from './tls.ts';

export interface GrpcSenderOptions {
  /** HOST:PORT. */
  readonly address: string;
  readonly token?: string | null;
  /** Null: plain text. */
  readonly tls?: ClientTls | null;
  /** Recipe asked for; null: the camera's own. */
  readonly recipeId?: string | null;
  /** How long to wait for a connection. Default 5 s. */
  readonly connectMs?: number;
  /** How long to wait for the answer to a frame. Default 30 s. */
  readonly answerMs?: number;
  /** All frames on one stream instead of a call each: about half the work on either side, and they fall together. */
  readonly streams?: boolean;
}

const CONNECT_MS = 5000;
const ANSWER_MS = 30_000;
const REASON_MS = 1000;

/** Rejects where nothing answers at `options.address` within `connectMs`. Later losses of the connection heal by themselves. */
export async function connectGrpcSender(options: GrpcSenderOptions): Promise<FrameSender> {
  const { address, token = null, tls = null, recipeId = null } = options;
  const channel =
    tls === null
      ? credentials.createInsecure()
      : credentials.createSsl(tls.ca, tls.client?.key ?? null, tls.client?.cert ?? null);
  const client = new Client(address, channel, {
    'grpc.max_send_message_length': -1,
    'grpc.enable_channelz': 0,
    // A frame sent again by the channel would hide from the summary that the line was down.
    'grpc.enable_retries': 0,
  });
  const connectMs = options.connectMs ?? CONNECT_MS;
  if (!(await isReachable(client, connectMs))) {
    const why = await whyUnreachable(client);
    client.close();
    throw new Error(`nothing answers gRPC at ${address}${tls === null ? '' : ' over TLS'}: ${why}`);
  }
  const metadata = new Metadata();
  if (token !== null) metadata.set('authorization', `Bearer ${token}`);
  const Sender = options.streams === true ? GrpcStreamSender : GrpcSender;
  return new Sender(client, metadata, recipeId, options.answerMs ?? ANSWER_MS);
}

/** Whether a connection stands, as soon as that is known. */
async function isReachable(client: Client, connectMs: number): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = Date.now() + connectMs;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return true;
    if (state === connectivityState.TRANSIENT_FAILURE) return false;
    const hasChanged = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined || error === null));
    });
    if (!hasChanged) return false;
  }
}

const inspect = methodOf('Inspect');

/** Only a call is told why there is no connection. */
function whyUnreachable(client: Client): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = inspect;
  const options = { deadline: Date.now() + REASON_MS };
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, new Metadata(), options, (error) =>
      resolve(reasonIn(error?.details ?? '')),
    );
  });
}

/** grpc-js wraps it ("No connection established. Last error: Error: … Resolution note: "), and OpenSSL's has its source line in it. */
function reasonIn(details: string): string {
  const [, last] =
    /Last error: (?:Error(?: \[\w+\])?: )?(.+?)\s*(?:\([^()]*Z\))?\. Resolution note/s.exec(details) ?? [];
  if (last === undefined)
    return details.startsWith('Name resolution failed') ? 'there is no such host' : 'no answer in time';
  return /SSL routines:[^:]*:([^:]+)/.exec(last)?.[1] ?? last;
}

class GrpcSender implements FrameSender {
  private readonly client: Client;
  private readonly metadata: Metadata;
  private readonly recipeId: string | null;
  private readonly answerMs: number;

  constructor(client: Client, metadata: Metadata, recipeId: string | null, answerMs: number) {
    this.client = client;
    this.metadata = metadata;
    this.recipeId = recipeId;
    this.answerMs = answerMs;
  }

  send(frame: OutgoingFrame): Promise<SendOutcome> {
    const { path, requestSerialize, responseDeserialize } = inspect;
    const request = requestOf(frame, this.recipeId);
    const options = { deadline: Date.now() + this.answerMs };
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.metadata,
        options,
        (error, response) => resolve(error === null ? answered(response as WireResponse) : failed(error)),
      );
    });
  }

  async close(): Promise<void> {
    this.client.close();
  }
}
