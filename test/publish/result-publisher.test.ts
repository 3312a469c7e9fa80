import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CameraId } from '../../src/frame/frame.ts';
import { MqttSink } from '../../src/publish/mqtt-sink.ts';
import {
  type Outbox,
  type OutboxItem,
  type PublisherEvent,
  ResultPublisher,
  statusJson,
} from '../../src/publish/result-publisher.ts';
import { ConnectionLost, type Sink, SinkRefusal } from '../../src/publish/sink.ts';
import { recordedOf } from '../support/frames.ts';
import { hasMosquitto, Mosquitto } from '../support/mosquitto.ts';

const soon = { timeout: 8000, interval: 10 };

/** Rows in memory, as the ledger holds them. */
class MemoryOutbox implements Outbox {
  items: OutboxItem[] = [];
  private readonly listeners = new Set<() => void>();
  private lastId = 0;

  add(count: number, over: Partial<OutboxItem> = {}): void {
    for (let n = 0; n < count; n += 1) {
      this.lastId += 1;
      const result = { ...recordedOf({ frameId: `f${this.lastId}` }), ledgerSeq: this.lastId };
      this.items.push({
        id: this.lastId,
        cameraId: result.cameraId,
        topic: null,
        correlationData: null,
        duplicate: false,
        result,
        ...over,
      });
    }
    for (const listener of this.listeners) listener();
  }

  /** Of each camera its share. */
  async next(limit: number): Promise<readonly OutboxItem[]> {
    const cameras = new Set(this.items.map(({ cameraId }) => cameraId));
    const each = Math.floor(limit / Math.max(1, cameras.size));
    const shares = [...cameras].flatMap((id) => this.items.filter(({ cameraId }) => cameraId === id).slice(0, each));
    return shares.sort((a, b) => a.id - b.id);
  }

  async done(items: readonly OutboxItem[]): Promise<void> {
    this.items = this.items.filter((item) => !items.includes(item));
  }

  async drop(): Promise<number> {
    return 0;
  }

  onAdded(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

class MemorySink implements Sink {
  isConnected = true;
  readonly sent: { topic: string; json: Record<string, unknown> }[] = [];
  fail: (topic: string, frameId: unknown) => Error | null = () => null;
  private readonly listeners = new Set<() => void>();

  onConnected(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The connection ends, and there is a new one a little later. */
  hangUp(): Error {
    this.isConnected = false;
    setTimeout(() => {
      this.isConnected = true;
      for (const listener of this.listeners) listener();
    }, 2);
    return new ConnectionLost('the connection ended');
  }

  async publish(topic: string, payload: string | Buffer): Promise<void> {
    const json = JSON.parse(payload.toString()) as Record<string, unknown>;
    const error = this.fail(topic, json['frameId']);
    if (error !== null) throw error;
    this.sent.push({ topic, json });
  }

  get frameIds(): unknown[] {
    return this.sent.filter(({ topic }) => topic.endsWith('/result')).map(({ json }) => json['frameId']);
  }
}

const outbox = () => new MemoryOutbox();
const started: ResultPublisher[] = [];

function publisherOf(
  box: Outbox,
  sink: Sink,
  onEvent: (event: PublisherEvent) => void = () => undefined,
  clock = { now: () => Date.now(), mono: () => performance.now() },
): ResultPublisher {
  const publisher = new ResultPublisher(
    {
      root: 'loupe',
      maxAgeMs: 1000,
      version: '0',
      retryMs: 5,
      window: 4,
      statePeriodMs: 20,
      cameras: { listed: new Set(), maxOthers: 64 },
      onEvent,
    },
    { outbox: box, sink, isReady: () => true, clock },
  );
  started.push(publisher);
  publisher.start();
  return publisher;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((publisher) => publisher.stop(500)));
});

describe('ResultPublisher', () => {
  it('sends what waits and what is added, in order, and empties the outbox', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    box.add(6);
    publisherOf(box, sink);
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    box.add(1);
    await vi.waitFor(() => expect(sink.frameIds).toEqual(['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7']), soon);
    expect(sink.sent[0]).toMatchObject({ topic: 'loupe/status', json: { status: 'online' } });
    expect(sink.sent[1]).toMatchObject({ topic: 'loupe/cam-1/result', json: { schema: 'inspection.result/1' } });
  });

  it('begins again at the first message that was not acknowledged', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    let failures = 0;
    sink.fail = (_topic, frameId) => (frameId === 'f3' && failures++ < 2 ? new Error('closed') : null);
    box.add(4);
    publisherOf(box, sink);
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    expect(sink.frameIds).toEqual(['f1', 'f2', 'f4', 'f4', 'f3', 'f4']);
  });

  it('gives a reply up that the broker will not have, and keeps the results of everybody else going', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    const events: PublisherEvent[] = [];
    sink.fail = (topic) => (topic === 'forbidden' ? new SinkRefusal('not authorized') : null);
    box.add(1, { topic: 'forbidden' });
    box.add(1);
    publisherOf(box, sink, (event) => events.push(event));
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    expect(events).toMatchObject([{ kind: 'reply_refused', topic: 'forbidden' }]);
    expect(sink.frameIds).toEqual(['f2']);
  });

  it('keeps a result that the broker refuses on its own topic', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    const events: PublisherEvent[] = [];
    sink.fail = (topic) => (topic.endsWith('/result') ? new SinkRefusal('not authorized') : null);
    box.add(1);
    publisherOf(box, sink, (event) => events.push(event));
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(2), soon);
    expect(box.items).toHaveLength(1);
  });

  it('keeps the results of all other cameras going, and those of one that the broker refuses in order', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    let isAllowed = false;
    sink.fail = (topic) => (topic === 'loupe/cam-2/result' && !isAllowed ? new SinkRefusal('not authorized') : null);
    box.add(2, { cameraId: 'cam-2' as CameraId });
    box.add(4);
    const events: PublisherEvent[] = [];
    publisherOf(box, sink, (event) => events.push(event));
    await vi.waitFor(() => expect(sink.frameIds).toHaveLength(4), soon);
    box.add(10);
    await vi.waitFor(() => expect(sink.frameIds).toHaveLength(14), soon);
    await vi.waitFor(() => expect(box.items).toHaveLength(2), soon);
    expect(sink.frameIds).toEqual(Array.from({ length: 14 }, (_, i) => `f${i + 3}`));
    expect(events[0]).toEqual({ kind: 'publish_failed', message: 'loupe/cam-2/result: not authorized' });
    isAllowed = true;
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    expect(sink.frameIds.slice(-2)).toEqual(['f1', 'f2']);
  });

  it('sends results where the broker does not let it say how it is, and tells which topics are refused', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    const refused = new Set<string>();
    sink.fail = (topic) => (/\/(status|state)$/.test(topic) ? new SinkRefusal('not authorized') : null);
    box.add(2);
    publisherOf(box, sink, (event) => event.kind === 'publish_failed' && refused.add(event.message));
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    expect(sink.frameIds).toEqual(['f1', 'f2']);
    const told = () => [...refused].sort();
    await expect.poll(told).toEqual(['loupe/cam-1/state: not authorized', 'loupe/status: not authorized']);
  });

  it('finds the camera whose results make the broker end the connection, and keeps all others going, in order', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    let isAllowed = false;
    let kills = 0;
    let isDead = false;
    // As brokers do that have no other word for no: what was on its way with it is lost as well.
    sink.fail = (topic) => {
      if (topic === 'loupe/cam-2/result' && !isAllowed) {
        kills += 1;
        isDead = true;
        setImmediate(() => (isDead = false));
      }
      return isDead ? new ConnectionLost('the connection ended') : null;
    };
    const told = new Set<string>();
    box.add(1, { cameraId: 'cam-2' as CameraId });
    box.add(1);
    box.add(1, { cameraId: 'cam-2' as CameraId });
    box.add(1);
    publisherOf(box, sink, (event) => event.kind === 'publish_failed' && told.add(event.message));
    await vi.waitFor(() => expect(sink.frameIds).toEqual(['f2', 'f4']), soon);
    expect(told).toContain('loupe/cam-2/result: the connection ended');
    const before = kills;
    box.add(20);
    await vi.waitFor(() => expect(sink.frameIds).toHaveLength(22), soon);
    // Its next tries go alone, ever more seldom.
    expect(kills - before).toBeLessThan(10);
    isAllowed = true;
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    expect(sink.frameIds.filter((id) => id === 'f1' || id === 'f3')).toEqual(['f1', 'f3']);
  });

  it('leaves out what it says of itself where the broker ends the connection over it, and tries again later', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    let kills = 0;
    let isAllowed = false;
    sink.fail = (topic) => {
      if (!sink.isConnected) return new ConnectionLost('the connection ended');
      if (isAllowed || !/\/(status|state)$/.test(topic)) return null;
      kills += 1;
      return sink.hangUp();
    };
    const events: PublisherEvent[] = [];
    let mono = 0;
    box.add(1);
    publisherOf(box, sink, (event) => events.push(event), { now: () => Date.now(), mono: () => mono });
    const leftOut = () => events.flatMap((event) => (event.kind === 'topic_left_out' ? [event] : []));
    const feed = setInterval(() => box.add(1), 5);
    await expect.poll(leftOut, soon).toEqual([
      { kind: 'topic_left_out', topic: 'loupe/status', seconds: 60 },
      { kind: 'topic_left_out', topic: 'loupe/+/state', seconds: 60 },
    ]);
    expect(kills).toBe(6);
    // No camera was taken for what ends the connection, and nothing of it is lost.
    const sent = sink.frameIds.length;
    await vi.waitFor(() => expect(sink.frameIds.length).toBeGreaterThan(sent + 20), soon);
    expect(events).toHaveLength(2);
    expect(kills).toBe(6);
    mono += 61_000;
    await vi.waitFor(() => expect(leftOut()).toHaveLength(4), soon);
    expect(leftOut().slice(2)).toMatchObject([{ seconds: 120 }, { seconds: 120 }]);
    expect(kills).toBe(8);
    isAllowed = true;
    mono += 121_000;
    await vi.waitFor(() => {
      const topics = sink.sent.map(({ topic }) => topic);
      expect(topics).toContain('loupe/status');
      expect(topics).toContain('loupe/cam-1/state');
    }, soon);
    clearInterval(feed);
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    const ids = sink.frameIds;
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => `f${i + 1}`));
  });

  it('looks for what is too old however the wall clock is set', async () => {
    const box = outbox();
    let looks = 0;
    box.drop = async () => {
      looks += 1;
      return 0;
    };
    let [at, mono] = [Date.now(), 0];
    publisherOf(box, new MemorySink(), () => undefined, { now: () => at, mono: () => mono });
    await vi.waitFor(() => expect(looks).toBe(1), soon);
    // Booted years ahead of time, then set right by the network.
    at -= 9 * 365 * 24 * 3_600_000;
    mono += 60_000;
    box.add(1);
    await vi.waitFor(() => expect(looks).toBe(2), soon);
  });

  it('reports what was dropped by age', async () => {
    const box = outbox();
    box.drop = async () => 3;
    const events: PublisherEvent[] = [];
    publisherOf(box, new MemorySink(), (event) => events.push(event));
    await vi.waitFor(() => expect(events).toEqual([{ kind: 'results_given_up', count: 3 }]), soon);
  });

  it('publishes the state of a camera with its totals', async () => {
    const [box, sink] = [outbox(), new MemorySink()];
    box.add(3);
    publisherOf(box, sink);
    await vi.waitFor(
      () =>
        expect(sink.sent.at(-1)).toMatchObject({
          topic: 'loupe/cam-1/state',
          json: { lastFrameId: 'f3', ready: true, totals: { PASS: 3, FAIL: 0 } },
        }),
      soon,
    );
  });

  it('says stopped at the end', async () => {
    const sink = new MemorySink();
    await publisherOf(outbox(), sink).stop(500);
    expect(sink.sent.at(-1)).toMatchObject({ topic: 'loupe/status', json: { status: 'stopped' } });
  });
});

describe.skipIf(!hasMosquitto)('ResultPublisher and MqttSink at a real broker', () => {
  let mosquitto: Mosquitto;
  let sink: MqttSink;
  let reader: MqttClient | undefined;

  let disconnects: (string | null)[];

  beforeEach(async () => {
    disconnects = [];
    mosquitto = await Mosquitto.create();
    await mosquitto.start();
    sink = new MqttSink({
      url: mosquitto.url,
      clientId: 'loupe-out',
      username: null,
      password: null,
      tls: { ca: null, cert: null, key: null },
      will: { topic: 'loupe/status', payload: statusJson('offline', '0', null) },
      reconnectMs: 20,
      onEvent: (event) => event.kind === 'sink_disconnected' && disconnects.push(event.message),
    });
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((publisher) => publisher.stop(500)));
    await sink.stop();
    await reader?.endAsync(true);
    await mosquitto.remove();
  });

  async function listen(filter: string): Promise<{ topic: string; json: Record<string, unknown> }[]> {
    const heard: { topic: string; json: Record<string, unknown> }[] = [];
    reader = await connectAsync(mosquitto.url, { clientId: 'reader', clean: false, reconnectPeriod: 20 });
    reader.on('error', () => undefined);
    reader.on('message', (topic, payload) =>
      heard.push({ topic, json: JSON.parse(payload.toString()) as Record<string, unknown> }),
    );
    await reader.subscribeAsync(filter, { qos: 1 });
    return heard;
  }

  it('loses nothing when the broker is killed in the middle', async () => {
    const box = outbox();
    const heard = await listen('loupe/+/result');
    sink.start();
    publisherOf(box, sink);
    box.add(300);
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(20), soon);
    await mosquitto.stop('SIGKILL');
    await vi.waitFor(() => expect(sink.isConnected).toBe(false), soon);
    box.add(20);
    await mosquitto.start();
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
    await vi.waitFor(() => expect(heard.at(-1)?.json['frameId']).toBe('f320'), soon);
    const seqs = heard.map(({ json }) => Number(json['ledgerSeq']));
    const firsts = seqs.filter((seq, index) => seqs.indexOf(seq) === index);
    expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
  });

  it('waits for a broker that is away at the start', async () => {
    await mosquitto.stop();
    const box = outbox();
    box.add(3);
    sink.start();
    publisherOf(box, sink);
    await vi.waitFor(() => expect(sink.whyDisconnected).toMatch(/ECONNREFUSED/), soon);
    expect(box.items).toHaveLength(3);
    await mosquitto.start();
    await vi.waitFor(() => expect(box.items).toEqual([]), soon);
  });

  it('leaves its last will with the broker, and takes it along when it stops in order', async () => {
    const heard = await listen('loupe/status');
    sink.start();
    const publisher = publisherOf(outbox(), sink);
    await vi.waitFor(() => expect(heard.map(({ json }) => json['status'])).toEqual(['online']), soon);
    // Somebody else connects under the same name: the broker cuts this one off, as a dead line would.
    const thief = await connectAsync(mosquitto.url, { clientId: 'loupe-out', reconnectPeriod: 0 }, false);
    await vi.waitFor(
      () => expect(heard.map(({ json }) => json['status'])).toEqual(['online', 'offline', 'online']),
      soon,
    );
    expect(disconnects[0]).toMatch(/^the broker (closed|ended) the connection/);
    await thief.endAsync(true);
    await publisher.stop(1000);
    await sink.stop();
    await vi.waitFor(() => expect(heard.at(-1)?.json['status']).toBe('stopped'), soon);
  });

  it('stops within its grace beside a broker that answers nothing', async () => {
    const box = outbox();
    sink.start();
    const publisher = publisherOf(box, sink);
    await vi.waitFor(() => expect(sink.isConnected).toBe(true), soon);
    mosquitto.freeze();
    box.add(3);
    await publisher.stop(100);
    await sink.stop();
    expect(box.items).toHaveLength(3);
  });

  it('rejects a message whose acknowledgement can no longer come', async () => {
    sink.start();
    await vi.waitFor(() => expect(sink.isConnected).toBe(true), soon);
    const unacknowledged = Array.from({ length: 100 }, () =>
      sink.publish('t', Buffer.alloc(50_000), { qos: 1, retain: false }),
    );
    const settled = Promise.allSettled(unacknowledged);
    await mosquitto.stop('SIGKILL');
    expect((await settled).some(({ status }) => status === 'rejected')).toBe(true);
    await expect(sink.publish('t', 'x', { qos: 1, retain: false })).rejects.toThrow();
  });
});
