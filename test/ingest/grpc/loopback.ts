/** A gRPC source on loopback with fake ports behind it, and clients to it. */

import { Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { RefusalCode } from '../../../src/errors.ts';
import { NOBODY } from '../../../src/frame/people.ts';
import type { GrpcPorts } from '../../../src/ingest/grpc/desk.ts';
import { GrpcSource, type GrpcEvent, type GrpcSourceOptions } from '../../../src/ingest/grpc/grpc-source.ts';
import type { Authorize } from '../../../src/ingest/ports.ts';
import { inspectionPackage, messageOf, rpcPackage } from '../../../src/ingest/wire/contract.ts';
import type { ModelControl } from '../../../src/frame/models.ts';
import type { ShadowControl } from '../../../src/frame/shadows.ts';
import { FakeInspector, FakeLedger } from '../../support/fake-ledger.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- the messages of a contract loaded at run time have no types
export type Message = Record<string, any>;

export interface InspectionClient extends Client {
  Inspect(
    request: Message,
    metadata: Metadata,
    options: object,
    done: (error: ServiceError | null, response?: Message) => void,
  ): {
    cancel(): void;
  };
  GetResult(request: Message, metadata: Metadata, done: (error: ServiceError | null, response?: Message) => void): void;
  InspectStream(metadata: Metadata, options?: object): ClientDuplexStream<Message, Message>;
  WatchResults(request: Message, metadata: Metadata): ClientReadableStream<Message>;
}

/** Does the work and notes nothing. */
export const NO_AUDIT: GrpcPorts['audit'] = { during: (_by, _act, _about, work) => work() };

export const MAX_MESSAGE_BYTES = 1024 * 1024;

export async function startSource(
  over: Partial<GrpcSourceOptions> = {},
  authorize: Authorize = () => null,
  models: ModelControl | null = null,
  shadows: Partial<ShadowControl> = {},
) {
  const actorOf = () => ({ ...NOBODY, kind: 'token', name: 'ann' }) as const;
  const ledger = new FakeLedger();
  const inspector = new FakeInspector(ledger);
  const refused: [string, RefusalCode][] = [];
  const events: GrpcEvent[] = [];
  const source = new GrpcSource(
    {
      host: '127.0.0.1',
      port: 0,
      tls: null,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      onEvent: (e) => events.push(e),
      ...over,
    },
    {
      inspector,
      results: ledger,
      authorize,
      countRefused: (transport, code) => refused.push([transport, code]),
      models: models === null ? null : { models, shadows: shadows as ShadowControl },
      actorOf,
      audit: NO_AUDIT,
    },
  );
  const { port } = await source.start();
  onTestFinished(() => source.stop(0));
  return { source, port, ledger, inspector, refused, events, client: clientOf(port) };
}

export function clientOf(port: number, channel = credentials.createInsecure(), options: object = {}): InspectionClient {
  const { inspection }: Message = loadPackageDefinition(inspectionPackage);
  const client: InspectionClient = new inspection.v1.InspectionService(`127.0.0.1:${port}`, channel, {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

export type Ended = { readonly response: Message } | { readonly error: ServiceError };

export function inspect(
  client: InspectionClient,
  request: Message,
  options: object = {},
  metadata = new Metadata(),
): Promise<Ended> {
  return new Promise((resolve) => {
    client.Inspect(request, metadata, options, (error, response) => {
      resolve(error === null ? { response: response ?? {} } : { error });
    });
  });
}

export async function failureOf(ended: Promise<Ended>): Promise<ServiceError> {
  const end = await ended;
  if ('response' in end) throw new Error(`expected a status, got ${JSON.stringify(end.response)}`);
  return end.error;
}

export async function responseOf(ended: Promise<Ended>): Promise<Message> {
  const end = await ended;
  if ('error' in end) throw end.error;
  return end.response;
}

export function getResult(client: InspectionClient, request: Message, metadata = new Metadata()): Promise<Ended> {
  return new Promise((resolve) => {
    client.GetResult(request, metadata, (error, response) => {
      resolve(error === null ? { response: response ?? {} } : { error });
    });
  });
}

export function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** ErrorInfo and RetryInfo of a status. */
export function detailsOf(error: ServiceError) {
  const [packed] = error.metadata.get('grpc-status-details-bin');
  const status = messageOf(rpcPackage, 'google.rpc.Status').decode(packed as Buffer) as Message;
  const named = Object.fromEntries(
    status['details'].map((detail: Message) => {
      const name = detail['type_url'].split('/')[1];
      return [name.replace('google.rpc.', ''), messageOf(rpcPackage, name).decode(detail['value'])];
    }),
  ) as Record<string, Message>;
  return { code: status['code'], ...named } as { code: number; ErrorInfo: Message; RetryInfo?: Message };
}

/** What a stream gave until it ended, and how it ended. */
export function collect(stream: ClientReadableStream<Message> | ClientDuplexStream<Message, Message>) {
  const messages: Message[] = [];
  stream.on('data', (message: Message) => messages.push(message));
  const ended = new Promise<{ code: number; details: string; metadata: Metadata }>((resolve) => {
    stream.on('status', resolve);
  });
  stream.on('error', () => undefined);
  return { messages, ended };
}

export const image = (text = 'image') => Buffer.from(text);
