import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { credentials, loadPackageDefinition, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { NOBODY } from '../../../src/frame/people.ts';
import type { Outcome } from '../../../src/frame/verdict.ts';
import { GrpcSource } from '../../../src/ingest/grpc/grpc-source.ts';
import { Health } from '../../../src/ingest/grpc/health.ts';
import { CALL_WINDOW_BYTES, CONNECTION_WINDOW_BYTES } from '../../../src/ingest/grpc/http2-server.ts';
import { messageOf } from '../../../src/ingest/wire/contract.ts';
import {
  clientOf,
  collect,
  failureOf,
  image,
  inspect,
  type Message,
  NO_AUDIT,
  responseOf,
  startSource,
} from './loopback.ts';

const frame = { camera_id: 'cam-1', frame_id: 'f-1', encoded: image() };

describe('health', () => {
  const { grpc }: Message = loadPackageDefinition(loadSync(protoPath));

  async function healthOf(port: number, service: string): Promise<string | number> {
    const client = new grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure());
    onTestFinished(() => client.close());
    return new Promise((resolve) => {
      client.check({ service }, (error: { code: number } | null, answer: Message) =>
        resolve(error?.code ?? answer['status']),
      );
    });
  }
  const SERVING = 1;
  const NOT_SERVING = 2;

  it('serves nothing until told so', async () => {
    const { port, source } = await startSource();
    expect(await healthOf(port, '')).toBe(NOT_SERVING);
    source.setServing('', true);
    source.setServing('inspection.v1.InspectionService', true);
    expect(await healthOf(port, '')).toBe(SERVING);
    expect(await healthOf(port, 'inspection.v1.InspectionService')).toBe(SERVING);
  });

  it('tells each model apart, and says NOT_FOUND of one it does not have', async () => {
    const { port, source } = await startSource();
    source.setServing('model/casting', true);
    source.setServing('model/tiles', false);
    expect(await healthOf(port, 'model/casting')).toBe(SERVING);
    expect(await healthOf(port, 'model/tiles')).toBe(NOT_SERVING);
    expect(await healthOf(port, 'model/unknown')).toBe(status.NOT_FOUND);
  });

  it('says of a model in two versions that both serve, and of one that another took over from that it does not', async () => {
    const { port, source } = await startSource();
    const isUp = { name: 'casting', isServing: true };
    const isDown = { name: 'casting', isServing: false };
    source.setModels([isDown, isUp]);
    expect(await healthOf(port, 'model/casting')).toBe(NOT_SERVING);
    source.setModels([isUp, isUp]);
    expect(await healthOf(port, 'model/casting')).toBe(SERVING);
    source.setModels([{ name: 'tiles', isServing: true }]);
    expect(await healthOf(port, 'model/casting')).toBe(NOT_SERVING);
    expect(await healthOf(port, 'model/tiles')).toBe(SERVING);
  });

  function watching(port: number, service: string) {
    const client = new grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure());
    onTestFinished(() => client.close());
    return { client, call: client.watch({ service }) };
  }

  it('tells whoever watches of changes, and of nothing else however often it is set', async () => {
    const { port, source } = await startSource();
    const { messages } = collect(watching(port, '').call);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    for (let tick = 0; tick < 1000; tick++) source.setServing('', true);
    source.setServing('', false);
    await healthOf(port, '');
    await vi.waitFor(() => expect(messages.length).toBeGreaterThan(2));
    expect(messages.map((message) => message['status'])).toEqual([NOT_SERVING, SERVING, NOT_SERVING]);
  });

  it('remembers nothing of whoever watched, whatever name it was', async () => {
    const server = new Server();
    const health = new Health();
    health.addToServer(server);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    onTestFinished(() => server.forceShutdown());
    const { client, call: stays } = watching(port, 'stays');
    collect(stays);
    const calls = Array.from({ length: 200 }, (_, n) => client.watch({ service: `n-${n}` }));
    const watches = calls.map(collect);
    await vi.waitFor(() => expect(health.watching).toBe(201));
    await vi.waitFor(() => expect(watches.every(({ messages }) => messages.length === 1)).toBe(true));
    for (const call of calls) call.cancel();
    await vi.waitFor(() => expect(health.watching).toBe(1));
  });
});

const fileDescriptor = messageOf(loadSync('google/protobuf/descriptor.proto'), 'google.protobuf.FileDescriptorProto');

describe('reflection', () => {
  it.each(['v1', 'v1alpha'])('lists the services over %s', async (version) => {
    const { port } = await startSource();
    const folder = path.resolve('node_modules/@grpc/reflection/build/proto');
    const loaded: Message = loadPackageDefinition(
      loadSync(`grpc/reflection/${version}/reflection.proto`, { includeDirs: [folder] }),
    );
    const client = new loaded['grpc'].reflection[version].ServerReflection(
      `127.0.0.1:${port}`,
      credentials.createInsecure(),
    );
    onTestFinished(() => client.close());
    const stream = client.serverReflectionInfo();
    const { messages } = collect(stream);
    stream.write({ listServices: '*' });
    stream.write({ fileContainingSymbol: 'inspection.v1.InspectionService' });
    await vi.waitFor(() => expect(messages).toHaveLength(2));
    const names = messages[0]?.['listServicesResponse'].service.map(({ name }: Message) => name);
    expect(names).toEqual(expect.arrayContaining(['inspection.v1.InspectionService', 'grpc.health.v1.Health']));
    const files: Message[] = messages[1]?.['fileDescriptorResponse'].fileDescriptorProto.map((bytes: Buffer) =>
      fileDescriptor.decode(bytes),
    );
    // What strict clients (grpcurl, all of Go) look for: the file needed is named and comes along, map entries have
    // the name the language gives them.
    expect(files.map((file) => file['name'])).toContain(files[0]?.['dependency'][0]);
    const request = files[0]?.['messageType'].find((message: Message) => message['name'] === 'InspectRequest');
    expect(request.nestedType[0]).toMatchObject({ name: 'TagsEntry', options: { mapEntry: true } });
    expect(request.field.find((field: Message) => field['name'] === 'tags')).toMatchObject({ typeName: 'TagsEntry' });
    expect(request.field[0]).toMatchObject({ name: 'camera_id', jsonName: 'cameraId' });
    stream.end();
  });
});

describe('windows and garbage', () => {
  it('offers the widened flow-control windows on the wire', async () => {
    const { port } = await startSource();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    await vi.waitFor(() => expect(session.remoteSettings?.initialWindowSize).toBe(CALL_WINDOW_BYTES));
    expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
    await vi.waitFor(() => expect(session.state.remoteWindowSize).toBe(CONNECTION_WINDOW_BYTES));
  });

  it('is not harmed by garbage on its port', async () => {
    const { port, client } = await startSource();
    await new Promise<void>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'.repeat(10)));
      socket.on('close', () => resolve());
      socket.on('error', () => undefined);
      socket.resume();
    });
    expect(await responseOf(inspect(client, frame))).toMatchObject({ verdict: 'PASS' });
  });

  it('is not harmed by a message that claims to be compressed and is not', async () => {
    const { port, client } = await startSource();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const call = session.request({
      ':method': 'POST',
      ':path': '/inspection.v1.InspectionService/Inspect',
      'content-type': 'application/grpc',
      'grpc-encoding': 'gzip',
      te: 'trailers',
    });
    call.end(Buffer.from([1, 0, 0, 0, 4, 1, 2, 3, 4]));
    await new Promise<void>((resolve) => call.on('close', () => resolve()).resume());
    expect(await responseOf(inspect(client, frame))).toMatchObject({ verdict: 'PASS' });
  });
});

describe('start and stop', () => {
  it('says where it cannot listen', async () => {
    const { port, source } = await startSource();
    const { inspector, ledger } = await startSource();
    const ports = {
      inspector,
      results: ledger,
      authorize: () => null,
      countRefused: () => undefined,
      models: null,
      actorOf: () => NOBODY,
      audit: NO_AUDIT,
    };
    const second = new GrpcSource({ host: '127.0.0.1', port, tls: null, maxMessageBytes: 1024 }, ports);
    await expect(second.start()).rejects.toThrow(`gRPC cannot listen on 127.0.0.1:${port}`);
    await second.stop(100);
    expect((await source.start()).port).toBe(port);
  });

  it('stops without having started, and twice', async () => {
    const { inspector, ledger } = await startSource();
    const ports = {
      inspector,
      results: ledger,
      authorize: () => null,
      countRefused: () => undefined,
      models: null,
      actorOf: () => NOBODY,
      audit: NO_AUDIT,
    };
    const source = new GrpcSource({ host: '127.0.0.1', port: 0, tls: null, maxMessageBytes: 1024 }, ports);
    await source.stop(100);
    await source.stop(100);
  });

  it('answers what is under way, takes nothing new, and ends the streams', async () => {
    const { source, client, inspector, events } = await startSource();
    const finish: ((outcome: Outcome) => void)[] = [];
    inspector.decide = () => new Promise((resolve) => finish.push(resolve));
    const stream = client.InspectStream(new Metadata());
    const streamed = collect(stream);
    stream.write({ frame });
    const unary = inspect(client, { ...frame, frame_id: 'f-2' });
    const watched = collect(client.WatchResults({}, new Metadata()));
    await vi.waitFor(() => expect(finish).toHaveLength(2));

    const stopped = source.stop(10_000);
    expect(await watched.ended).toMatchObject({ code: status.UNAVAILABLE, details: 'the service is stopping' });
    stream.write({ frame: { ...frame, frame_id: 'f-3' } });
    expect((await failureOf(inspect(client, { ...frame, frame_id: 'f-4' }))).code).toBe(status.UNAVAILABLE);
    for (const [index, resolve] of finish.entries()) resolve(await inspector.pass(inspector.frames[index]!));
    expect(await responseOf(unary)).toMatchObject({ verdict: 'PASS' });
    expect(await streamed.ended).toMatchObject({ code: status.UNAVAILABLE });
    expect(streamed.messages.map(({ result }) => result.frame_id)).toEqual(['f-1']);
    await stopped;
    expect(inspector.frames.map(({ frameId }) => frameId).toSorted()).toEqual(['f-1', 'f-2']);
    expect(events.at(-1)).toEqual({ kind: 'grpc_stopped', wasForced: false });
  });

  it('does not wait for a health watcher, who would never leave', async () => {
    const { port, source, events } = await startSource();
    const { grpc }: Message = loadPackageDefinition(loadSync(protoPath));
    const client = new grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure());
    onTestFinished(() => client.close());
    const { messages } = collect(client.watch({ service: '' }));
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    const startedAt = performance.now();
    await source.stop(15_000);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(events.at(-1)).toEqual({ kind: 'grpc_stopped', wasForced: false });
  });

  it('cuts what is not answered within its grace', async () => {
    const { source, client, inspector, events } = await startSource();
    inspector.decide = () => new Promise(() => undefined);
    const call = inspect(client, frame);
    await vi.waitFor(() => expect(inspector.frames).toHaveLength(1));
    await source.stop(50);
    expect((await failureOf(call)).code).not.toBe(status.OK);
    expect(events.at(-1)).toEqual({ kind: 'grpc_stopped', wasForced: true });
  });
});

describe('TLS', () => {
  function selfSigned() {
    const folder = mkdtempSync(path.join(tmpdir(), 'loupe-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost';
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'key.pem', '-out', 'cert.pem'];
    execFileSync('openssl', [...args.split(' '), ...names], { cwd: folder, stdio: 'ignore' });
    return { key: readFileSync(path.join(folder, 'key.pem')), cert: readFileSync(path.join(folder, 'cert.pem')) };
  }

  it('serves those who trust it, and nobody in plain text', async () => {
    const pair = selfSigned();
    const { port } = await startSource({ tls: { ...pair, clientCa: null, refused: new Set() } });
    expect(await responseOf(inspect(clientOf(port, credentials.createSsl(pair.cert)), frame))).toMatchObject({
      verdict: 'PASS',
    });
    expect((await failureOf(inspect(clientOf(port), frame))).code).toBe(status.UNAVAILABLE);
  });

  it('asks for a client certificate where an authority is set', async () => {
    const pair = selfSigned();
    const { port } = await startSource({ tls: { ...pair, clientCa: pair.cert, refused: new Set() } });
    const anonymous = clientOf(port, credentials.createSsl(pair.cert));
    expect((await failureOf(inspect(anonymous, frame))).code).toBe(status.UNAVAILABLE);
    const known = clientOf(port, credentials.createSsl(pair.cert, pair.key, pair.cert));
    expect(await responseOf(inspect(known, frame))).toMatchObject({ verdict: 'PASS' });
  });
});
