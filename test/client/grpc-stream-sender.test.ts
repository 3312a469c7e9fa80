import { describe, expect, it, onTestFinished } from 'vitest';
import { connectGrpcSender, type GrpcSenderOptions } from '../../src/client/grpc-sender.ts';
import type { OutgoingFrame } from '../../src/client/sender.ts';
import type { Outcome } from '../../src/frame/verdict.ts';
import { startSource } from '../ingest/grpc/loopback.ts';

const frame: OutgoingFrame = {
  cameraId: 'cam-1',
  frameId: 'f-1',
  bytes: Buffer.from('image'),
  contentType: null,
  capturedAt: null,
  sequence: null,
  isSimulated: true,
};

async function streaming(port: number, over: Partial<GrpcSenderOptions> = {}) {
  const sender = await connectGrpcSender({ address: `127.0.0.1:${port}`, streams: true, ...over });
  onTestFinished(() => sender.close());
  return sender;
}

describe('sending on one gRPC stream', () => {
  it('tells the answers apart, whatever their order', async () => {
    const { port, inspector } = await startSource();
    const sender = await streaming(port, { recipeId: 'tiles' });
    let release = (): void => undefined;
    const first = new Promise<void>((resolve) => (release = resolve));
    inspector.decide = async (taken) => {
      if (taken.frameId === 'f-1') await first;
      else release();
      return inspector.uninspected(taken, taken.frameId === 'f-1' ? 'queue_full' : 'bad_image');
    };
    const outcomes = await Promise.all([sender.send(frame), sender.send({ ...frame, frameId: 'f-2' })]);
    expect(outcomes).toMatchObject([{ reason: 'queue_full' }, { reason: 'bad_image' }]);
    expect(inspector.frames.map(({ recipeId, transport }) => [recipeId, transport])).toEqual([
      ['tiles', 'grpc_stream'],
      ['tiles', 'grpc_stream'],
    ]);
  });

  it('answers a frame that was sent again before its answer came, both times', async () => {
    const { port } = await startSource();
    const sender = await streaming(port);
    const outcomes = await Promise.all([sender.send(frame), sender.send(frame)]);
    expect(outcomes).toMatchObject([{ kind: 'answered' }, { kind: 'answered' }]);
  });

  it('gives the code of a refusal, and the stream goes on', async () => {
    const { port, inspector } = await startSource();
    const sender = await streaming(port);
    const decide = inspector.decide;
    inspector.decide = (): Outcome => ({ kind: 'refused', code: 'frame_id_conflict', message: 'other bytes' });
    expect(await sender.send(frame)).toEqual({ kind: 'error', code: 'frame_id_conflict', message: 'other bytes' });
    inspector.decide = decide;
    expect(await sender.send({ ...frame, frameId: 'f-2' })).toMatchObject({ kind: 'answered', verdict: 'PASS' });
  });

  it('gives no_answer when none comes in time, and takes the late one for nobody’s', async () => {
    const { port, inspector } = await startSource();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const decide = inspector.decide;
    inspector.decide = async (...taken) => {
      await held;
      return decide(...taken);
    };
    const sender = await streaming(port, { answerMs: 50 });
    expect(await sender.send(frame)).toMatchObject({ kind: 'error', code: 'no_answer' });
    release();
    inspector.decide = decide;
    expect(await sender.send({ ...frame, frameId: 'f-2' })).toMatchObject({ kind: 'answered' });
  });

  it('gives the status of a stream that was refused, and tries again with the next frame', async () => {
    let isOpen = false;
    const { port } = await startSource({}, () => (isOpen ? null : 'unauthenticated'));
    const sender = await streaming(port);
    expect(await sender.send(frame)).toMatchObject({ kind: 'error', code: 'unauthenticated' });
    isOpen = true;
    expect(await sender.send(frame)).toMatchObject({ kind: 'answered' });
  });

  it('gives unreachable once the service is gone', async () => {
    const { port, source } = await startSource();
    const sender = await streaming(port);
    await source.stop(100);
    expect(await sender.send(frame)).toMatchObject({ kind: 'error', code: 'unreachable' });
  });
});
