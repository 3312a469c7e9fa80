import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import { FrameHandler, type Reply } from '../../../src/ingest/mqtt/frame-handler.ts';
import { Topics } from '../../../src/ingest/mqtt/topics.ts';
import { answered, FakeInspector } from '../../support/inspectors.ts';

const clock = { now: () => 1_790_000_000_000, mono: () => 0 };
const live = new AbortController().signal;

let inspector: FakeInspector;
let replies: Reply[];
let counted: string[];
let retained: number;
let frames: FrameHandler;

beforeEach(() => {
  inspector = new FakeInspector();
  replies = [];
  counted = [];
  retained = 0;
  frames = new FrameHandler(
    { topics: new Topics('loupe'), maxMessageBytes: 100, retryMs: 1 },
    {
      inspector,
      countRefused: (transport, code) => counted.push(`${transport} ${code}`),
      reply: (reply) => replies.push(reply),
      onRetained: () => {
        retained += 1;
      },
      clock,
    },
  );
});

const publish = (over: object = {}) => ({
  topic: 'loupe/cam-1/frame/f1',
  payload: Buffer.from('image'),
  retain: false,
  isRepeat: false,
  properties: null,
  ...over,
});

describe('FrameHandler', () => {
  it('takes a frame once it is committed', async () => {
    expect(await frames.handle(publish(), live)).toEqual({ kind: 'taken' });
    expect(inspector.frames[0]).toMatchObject({ cameraId: 'cam-1', frameId: 'f1', transport: 'mqtt' });
  });

  it('hands the asked for response topic and correlation data on as a delivery', async () => {
    const correlationData = Buffer.from('c');
    await frames.handle(publish({ properties: { responseTopic: 'my/answers', correlationData } }), live);
    expect(inspector.deliveries).toEqual([[{ topic: 'my/answers', correlationData }]]);
  });

  it('refuses an answer that would come back as a frame, and tells it on the error topic', async () => {
    const handled = await frames.handle(publish({ properties: { responseTopic: 'loupe/cam-1/frame' } }), live);
    expect(handled).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_request' } });
    expect(replies).toMatchObject([{ topic: 'loupe/cam-1/error' }]);
    expect(JSON.parse(replies[0]?.payload ?? '')).toMatchObject({
      schema: 'inspection.error/1',
      code: 'invalid_request',
      cameraId: 'cam-1',
      frameId: 'f1',
    });
    expect(inspector.frames).toEqual([]);
    expect(counted).toEqual(['mqtt invalid_request']);
  });

  it('ignores and counts a retained frame', async () => {
    expect(await frames.handle(publish({ retain: true }), live)).toEqual({ kind: 'ignored' });
    expect([retained, inspector.frames.length]).toEqual([1, 0]);
  });

  it('refuses a message above the limit', async () => {
    const handled = await frames.handle(publish({ payload: Buffer.alloc(101) }), live);
    expect(handled).toMatchObject({ kind: 'refused', refusal: { code: 'message_too_large' } });
  });

  it('tells a refusal of the pipeline to the response topic', async () => {
    inspector.answer = () => ({ kind: 'refused', code: 'unknown_camera', message: 'no such camera' });
    const properties = { responseTopic: 'my/answers', correlationData: Buffer.from('c') };
    expect(await frames.handle(publish({ properties }), live)).toMatchObject({ kind: 'refused' });
    expect(replies).toMatchObject([{ topic: 'my/answers', correlationData: Buffer.from('c') }]);
  });

  it('offers a frame again until the store is back', async () => {
    let tries = 0;
    inspector.answer = (frame) =>
      ++tries < 4 ? { kind: 'refused', code: 'store_unavailable', message: 'full' } : answered(frame);
    expect(await frames.handle(publish(), live)).toEqual({ kind: 'taken' });
    expect(replies).toEqual([]);
  });

  it('tells a camera that sends too fast, and holds nothing: others wait behind it', async () => {
    inspector.answer = () => ({ kind: 'refused', code: 'rate_limited', message: 'too fast' });
    expect(await frames.handle(publish(), live)).toMatchObject({ kind: 'refused', refusal: { code: 'rate_limited' } });
    expect(inspector.frames).toHaveLength(1);
    expect(replies).toHaveLength(1);
  });

  it('leaves nothing behind at the connection, nor at itself, that would grow with the frames', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const bytesAfter = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await frames.handle(publish(), live);
        inspector.frames.length = 0;
        inspector.deliveries.length = 0;
        if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      collect();
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = await bytesAfter(2000);
    expect((await bytesAfter(20_000)) - before).toBeLessThan(800_000);
  });

  it('leaves a frame with its sender when the connection ends first', async () => {
    const connection = new AbortController();
    inspector.answer = () => {
      connection.abort();
      return { kind: 'refused', code: 'store_unavailable', message: 'full' };
    };
    expect(await frames.handle(publish(), connection.signal)).toEqual({ kind: 'held' });
  });

  it('does not let a bug block a camera for ever', async () => {
    inspector.answer = () => ({ kind: 'refused', code: 'internal', message: 'bug' });
    expect(await frames.handle(publish(), live)).toMatchObject({ kind: 'refused', refusal: { code: 'internal' } });
    expect(inspector.frames).toHaveLength(3);
  });

  it('holds every frame once it stops, and waits for those under way', async () => {
    inspector.answer = () => ({ kind: 'refused', code: 'shutting_down', message: 'stopping' });
    const waiting = frames.handle(publish(), live);
    await frames.stop();
    expect(await waiting).toEqual({ kind: 'held' });
    expect(await frames.handle(publish(), live)).toEqual({ kind: 'held' });
    expect(inspector.frames).toHaveLength(1);
  });
});
