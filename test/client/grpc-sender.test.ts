import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectGrpcSender, type GrpcSenderOptions } from '../../src/client/grpc-sender.ts';
import type { OutgoingFrame } from '../../src/client/sender.ts';
import type { Outcome } from '../../src/frame/verdict.ts';
import { MAX_MESSAGE_BYTES, startSource } from '../ingest/grpc/loopback.ts';
import { Authority } from '../support/authority.ts';

const frame: OutgoingFrame = {
  cameraId: 'cam-1',
  frameId: 'f-1',
  bytes: Buffer.from('image'),
  contentType: null,
  capturedAt: 1_790_000_000_123,
  sequence: 7n,
  isSimulated: true,
};

async function connected(port: number, over: Partial<GrpcSenderOptions> = {}) {
  const sender = await connectGrpcSender({ address: `127.0.0.1:${port}`, ...over });
  onTestFinished(() => sender.close());
  return sender;
}

describe('sending over gRPC', () => {
  it('sends every field and brings the verdict back', async () => {
    const { port, inspector } = await startSource();
    const sender = await connected(port, { recipeId: 'tiles' });
    expect(await sender.send(frame)).toMatchObject({
      kind: 'answered',
      verdict: 'PASS',
      probability: 0.1,
      duplicate: false,
    });
    expect(inspector.frames[0]).toMatchObject({
      frameId: 'f-1',
      sequence: 7n,
      capturedAt: 1_790_000_000_123,
      isSimulated: true,
      recipeId: 'tiles',
    });
    expect(await sender.send(frame)).toMatchObject({ kind: 'answered', duplicate: true });
  });

  it.each(['queue_full', 'bad_image'] as const)(
    'takes UNINSPECTED(%s) for an answer, whatever its status',
    async (reason) => {
      const { port, inspector, ledger } = await startSource();
      inspector.decide = (taken) => inspector.uninspected(taken, reason);
      const outcome = await (await connected(port)).send(frame);
      expect(outcome).toEqual({
        kind: 'answered',
        resultId: ledger.rows[0]?.resultId,
        verdict: 'UNINSPECTED',
        reason,
        probability: null,
        duplicate: false,
      });
    },
  );

  it('gives the code of a refusal', async () => {
    const { port, inspector } = await startSource();
    inspector.decide = (): Outcome => ({ kind: 'refused', code: 'frame_id_conflict', message: 'other bytes' });
    const outcome = await (await connected(port)).send(frame);
    expect(outcome).toEqual({ kind: 'error', code: 'frame_id_conflict', message: 'other bytes' });
  });

  it('gives message_too_large for a frame far beyond the limit, and sends the next', async () => {
    const { port } = await startSource();
    const sender = await connected(port);
    const huge = { ...frame, bytes: Buffer.alloc(3 * MAX_MESSAGE_BYTES) };
    expect(await sender.send(huge)).toMatchObject({ kind: 'error', code: 'message_too_large' });
    expect(await sender.send(frame)).toMatchObject({ kind: 'answered' });
  });

  it('gives no_answer when none comes in time', async () => {
    const { port, inspector } = await startSource();
    inspector.decide = () => new Promise(() => undefined);
    const sender = await connected(port, { answerMs: 50 });
    expect(await sender.send(frame)).toMatchObject({ kind: 'error', code: 'no_answer' });
  });

  it('gives unreachable once the service is gone', async () => {
    const { port, source } = await startSource();
    const sender = await connected(port);
    await source.stop(100);
    expect(await sender.send(frame)).toMatchObject({ kind: 'error', code: 'unreachable' });
  });

  it('carries its token', async () => {
    const { port } = await startSource({}, (token) => (token === 'secret' ? null : 'unauthenticated'));
    expect(await (await connected(port)).send(frame)).toMatchObject({ kind: 'error', code: 'unauthenticated' });
    expect(await (await connected(port, { token: 'secret' })).send(frame)).toMatchObject({ kind: 'answered' });
  });

  it('says so where nothing answers', async () => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
      });
    });
    const connecting = connectGrpcSender({ address: `127.0.0.1:${port}`, connectMs: 200 });
    await expect(connecting).rejects.toThrow(
      `nothing answers gRPC at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });

  it('says why where TLS and plain text meet, and where the certificate is of another authority', async () => {
    const authority = new Authority();
    const { cert, key } = authority.server();
    const tls = { cert, key, clientCa: null, refused: new Set<string>() };
    const { port } = await startSource({ tls });
    const address = `localhost:${port}`;
    const trusting = (ca: Buffer) => connectGrpcSender({ address, tls: { ca, client: null } });
    await expect(trusting(new Authority().ca)).rejects.toThrow(`${address} over TLS: unable to verify the first`);
    const sender = await trusting(authority.ca);
    expect(await sender.send(frame)).toMatchObject({ kind: 'answered' });
    await sender.close();
    await expect(connectGrpcSender({ address })).rejects.toThrow(/at localhost:\d+: [A-Z]/);
    const plain = await startSource();
    const overTls = { address: `localhost:${plain.port}`, tls: { ca: authority.ca, client: null } };
    await expect(connectGrpcSender(overTls)).rejects.toThrow(/over TLS: wrong version number$/);
  });
});
