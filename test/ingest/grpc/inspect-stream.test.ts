import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import type { Frame } from '../../../src/frame/frame.ts';
import type { Outcome } from '../../../src/frame/verdict.ts';
import { collect, image, inspect, type Message, MAX_MESSAGE_BYTES, responseOf, startSource } from './loopback.ts';

const frame = (id: string, encoded = image(id)) => ({ frame: { camera_id: 'cam-1', frame_id: id, encoded } });
const named = (answers: readonly Message[]) =>
  answers.map(({ result, error }) => (result === undefined ? `${error.frame_id}:${error.code}` : result.frame_id));

/** An inspector that answers when told to. */
function held() {
  const waiting: [Frame, (outcome: Outcome) => void][] = [];
  return { waiting, decide: (taken: Frame) => new Promise<Outcome>((resolve) => waiting.push([taken, resolve])) };
}

describe('InspectStream', () => {
  it('answers every frame, and ends after the last one when the sender is done', async () => {
    const { client, inspector } = await startSource();
    const stream = client.InspectStream(new Metadata());
    const { messages, ended } = collect(stream);
    const ids = Array.from({ length: 100 }, (_, i) => `f-${i}`);
    for (const id of ids) stream.write(frame(id));
    stream.end();
    expect((await ended).code).toBe(status.OK);
    expect(named(messages)).toEqual(ids);
    expect(inspector.frames[0]?.transport).toBe('grpc_stream');
  });

  it('answers a bad frame on the stream and goes on', async () => {
    const { client, inspector, refused } = await startSource();
    inspector.decide = (taken) =>
      taken.frameId === 'blurred' ? inspector.uninspected(taken, 'bad_image') : inspector.pass(taken);
    const stream = client.InspectStream(new Metadata());
    const { messages, ended } = collect(stream);
    stream.write(frame('no/id'));
    stream.write({});
    stream.write(frame('too-large', Buffer.alloc(MAX_MESSAGE_BYTES)));
    stream.write(frame('blurred'));
    stream.write(frame('good'));
    stream.end();
    expect((await ended).code).toBe(status.OK);
    expect(new Set(named(messages))).toEqual(
      new Set(['no/id:invalid_request', ':invalid_request', 'too-large:message_too_large', 'blurred', 'good']),
    );
    expect(messages).toHaveLength(5);
    expect(messages.find(({ result }) => result?.frame_id === 'blurred')?.['result']).toMatchObject({
      verdict: 'UNINSPECTED',
      reason: 'bad_image',
    });
    expect(refused.map(([, code]) => code)).toEqual(['invalid_request', 'invalid_request', 'message_too_large']);
  });

  it('waits as long as its deadline says, though the wall clock was set meanwhile', async () => {
    let aheadMs = 0;
    const clock = { now: () => Date.now() + aheadMs, mono: () => performance.now() };
    const { client, inspector } = await startSource({ clock });
    const stream = client.InspectStream(new Metadata(), { deadline: Date.now() + 3_600_000 });
    const { messages } = collect(stream);
    stream.write(frame('before'));
    await vi.waitFor(() => expect(named(messages)).toEqual(['before']));
    aheadMs = 86_400_000;
    stream.write(frame('after'));
    await vi.waitFor(() => expect(named(messages)).toEqual(['before', 'after']));
    for (const { maxWaitMs } of inspector.frames) expect(maxWaitMs).toBeGreaterThan(3_500_000);
    stream.cancel();
  });

  it('answers bytes that are no request, and goes on', async () => {
    const { client } = await startSource();
    const broken = Buffer.from([0xff, 0xff, 0xff]);
    const stream = client.makeBidiStreamRequest(
      '/inspection.v1.InspectionService/InspectStream',
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
    );
    const answers: Buffer[] = [];
    stream.on('data', (answer: Buffer) => answers.push(answer));
    stream.write(broken);
    stream.write(broken);
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    expect(answers[0]?.includes('invalid_request')).toBe(true);
    stream.on('error', () => undefined);
    stream.cancel();
  });

  it('says when a refused frame may come again', async () => {
    const { client, inspector } = await startSource();
    inspector.decide = () => ({ kind: 'refused', code: 'store_unavailable', message: 'disk full' });
    const stream = client.InspectStream(new Metadata());
    const { messages, ended } = collect(stream);
    stream.write(frame('f-1'));
    stream.end();
    await ended;
    expect(messages[0]?.['error']).toEqual({
      camera_id: 'cam-1',
      frame_id: 'f-1',
      code: 'store_unavailable',
      message: 'disk full',
      retry_after_ms: 1000,
    });
  });

  it('reads no further than its limit of frames under way, and goes on as they are answered', async () => {
    const { client, inspector } = await startSource({ maxFramesPerStream: 4 });
    const { waiting, decide } = held();
    inspector.decide = decide;
    const stream = client.InspectStream(new Metadata());
    const { messages, ended } = collect(stream);
    for (let i = 0; i < 30; i++) stream.write(frame(`f-${i}`));
    stream.end();
    await vi.waitFor(() => expect(waiting).toHaveLength(4));
    // Another stream, opened behind them, shows that the server had all the time to read more.
    const other = client.InspectStream(new Metadata());
    collect(other);
    other.write(frame('other'));
    await vi.waitFor(() => expect(inspector.frames.at(-1)?.frameId).toBe('other'));
    expect(inspector.frames.filter(({ frameId }) => frameId.startsWith('f-'))).toHaveLength(4);
    inspector.decide = (taken) => inspector.pass(taken);
    for (const [taken, resolve] of waiting) resolve(await inspector.pass(taken));
    expect((await ended).code).toBe(status.OK);
    expect(messages).toHaveLength(30);
    other.end();
  });

  it('may have all of them listen for its end: nobody takes that for a leak', async () => {
    const warnings: string[] = [];
    const warned = ({ message }: Error) => warnings.push(message);
    process.on('warning', warned);
    const { client, inspector } = await startSource();
    const { waiting, decide } = held();
    inspector.decide = (taken, options) => {
      options.signal?.addEventListener('abort', () => undefined);
      return decide(taken);
    };
    const stream = client.InspectStream(new Metadata());
    const watchers = Array.from({ length: 11 }, () => client.WatchResults({}, new Metadata()));
    for (const call of [stream, ...watchers]) call.on('error', () => undefined);
    for (let i = 0; i < 11; i++) stream.write(frame(`f-${i}`));
    await vi.waitFor(() => expect(waiting).toHaveLength(11));
    await new Promise((resolve) => setImmediate(resolve));
    for (const call of [stream, ...watchers]) call.cancel();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('holds the sender itself up: what is not read stays on its side', async () => {
    const { client, inspector } = await startSource({ maxFramesPerStream: 1 });
    const { waiting, decide } = held();
    inspector.decide = (taken) => (taken.frameId.startsWith('f-') ? decide(taken) : inspector.pass(taken));
    const stream = client.InspectStream(new Metadata());
    collect(stream);
    const big = Buffer.alloc(MAX_MESSAGE_BYTES - 1000);
    let handedOver = 0;
    for (let i = 0; i < 40; i++) stream.write(frame(`f-${i}`, big), () => handedOver++);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    // Calls beside it, until a dozen of them in a row saw nothing more leave.
    let before = -1;
    for (let quiet = 0, call = 0; quiet < 12; quiet = handedOver === before ? quiet + 1 : 0, call++) {
      before = handedOver;
      await responseOf(inspect(client, frame(`beside-${call}`, big).frame));
    }
    // One is under way, one is read ahead, and the window of a call holds four more.
    expect(handedOver).toBeLessThan(10);
    stream.cancel();
  });

  it('holds all streams while their frames together exceed the bytes allowed, but none for ever', async () => {
    const { client, inspector } = await startSource({ maxStreamBytes: 50_000 });
    const { waiting, decide } = held();
    inspector.decide = decide;
    const first = client.InspectStream(new Metadata());
    const second = client.InspectStream(new Metadata());
    const ends = [collect(first), collect(second)];
    const half = Buffer.alloc(30_000);
    for (const [name, stream] of [
      ['a', first],
      ['b', second],
    ] as const) {
      for (let i = 0; i < 5; i++) stream.write(frame(`${name}-${i}`, half));
      stream.end();
    }
    let most = 0;
    let answered = 0;
    while (answered < 10) {
      await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0));
      most = Math.max(most, waiting.length);
      const [taken, resolve] = waiting.shift()!;
      resolve(await inspector.pass(taken));
      answered++;
    }
    for (const { ended } of ends) expect((await ended).code).toBe(status.OK);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('lets the frames of a sender that is gone end in their records', async () => {
    const { client, inspector, ledger } = await startSource();
    const { waiting, decide } = held();
    inspector.decide = decide;
    const stream = client.InspectStream(new Metadata());
    collect(stream);
    for (const id of ['f-1', 'f-2']) stream.write(frame(id));
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    stream.cancel();
    await vi.waitFor(() => expect(inspector.signals.every((signal) => signal.aborted)).toBe(true));
    for (const [taken, resolve] of waiting) resolve(inspector.uninspected(taken, 'cancelled'));
    expect(ledger.rows.map(({ reason }) => reason)).toEqual(['cancelled', 'cancelled']);
  });

  it('ends without a token where one is needed', async () => {
    const { client, refused } = await startSource({}, () => 'unauthenticated');
    const stream = client.InspectStream(new Metadata());
    const { ended } = collect(stream);
    expect((await ended).code).toBe(status.UNAUTHENTICATED);
    expect(refused).toEqual([['grpc_stream', 'unauthenticated']]);
  });
});
