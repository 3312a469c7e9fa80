import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { LoupeError } from '../../../src/errors.ts';
import { clientOf, collect, type Message, startSource } from './loopback.ts';

const places = (messages: readonly Message[]) => messages.map((message) => Number(message['ledger_seq']));
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

async function startedWatch(setup: Awaited<ReturnType<typeof startSource>>, request: Message = {}) {
  const stream = setup.client.WatchResults(request, new Metadata());
  const collected = collect(stream);
  await vi.waitFor(() => expect(setup.ledger.pagesRead).toBeGreaterThan(0));
  return { stream, ...collected };
}

describe('WatchResults', () => {
  it('sends what is recorded from now on', async () => {
    const setup = await startSource();
    setup.ledger.record({ frameId: 'before' });
    const { messages, stream } = await startedWatch(setup);
    setup.ledger.record({ frameId: 'after' });
    await vi.waitFor(() => expect(messages.map((m) => m['frame_id'])).toEqual(['after']));
    stream.cancel();
  });

  it('goes on behind a place in the ledger, over many pages, without a gap', async () => {
    const setup = await startSource();
    for (let i = 0; i < 350; i++) setup.ledger.record({ frameId: `f-${i}` });
    const { messages, stream } = await startedWatch(setup, { after_ledger_seq: 20 });
    for (let i = 350; i < 360; i++) setup.ledger.record({ frameId: `f-${i}` });
    await vi.waitFor(() => expect(places(messages)).toEqual(upTo(360, 21)), { timeout: 10_000 });
    stream.cancel();
  });

  it('starts at the very beginning behind place 0', async () => {
    const setup = await startSource();
    setup.ledger.record({});
    const { messages, stream } = await startedWatch(setup, { after_ledger_seq: 0 });
    await vi.waitFor(() => expect(places(messages)).toEqual([1]));
    stream.cancel();
  });

  it('refuses a place where the ledger has not come to: the reader knows another one', async () => {
    const { client, ledger } = await startSource();
    ledger.record({});
    const { messages, ended } = collect(client.WatchResults({ after_ledger_seq: 2 }, new Metadata()));
    expect(await ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('at most 1') });
    expect(messages).toEqual([]);
  });

  it('sends one camera or one verdict where asked', async () => {
    const setup = await startSource();
    const { messages, stream } = await startedWatch(setup, { camera_id: 'cam-2', verdict: 'FAIL' });
    setup.ledger.record({ cameraId: 'cam-1', verdict: 'FAIL' });
    setup.ledger.record({ cameraId: 'cam-2', verdict: 'PASS' });
    setup.ledger.record({ cameraId: 'cam-2', verdict: 'FAIL' });
    await vi.waitFor(() => expect(places(messages)).toEqual([3]));
    stream.cancel();
  });

  it('lets a slow reader delay only itself', async () => {
    const setup = await startSource();
    const slow = clientOf(setup.port).WatchResults({ after_ledger_seq: 0 }, new Metadata());
    slow.on('error', () => undefined);
    const { messages, stream } = await startedWatch(setup, { after_ledger_seq: 0 });
    const tags = { note: 'x'.repeat(100) };
    const rows = 3000;
    for (let i = 0; i < rows; i++) {
      setup.ledger.record({ frameId: `f-${i}`, tags });
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    await vi.waitFor(() => expect(messages).toHaveLength(rows), 15_000);
    const before = setup.ledger.pagesRead;
    setup.ledger.record({ frameId: 'last' });
    await vi.waitFor(() => expect(messages).toHaveLength(rows + 1));
    // One page for the quick one; none for the slow one, which is still held up far behind.
    expect(setup.ledger.pagesRead - before).toBeLessThanOrEqual(2);
    const late = collect(slow);
    await vi.waitFor(() => expect(late.messages).toHaveLength(rows + 1), 15_000);
    expect(places(late.messages)).toEqual(upTo(rows + 1));
    slow.cancel();
    stream.cancel();
  });

  it('frees everything when the watcher hangs up', async () => {
    const setup = await startSource();
    const { stream, ended } = await startedWatch(setup);
    expect(setup.ledger.listeners.size).toBe(1);
    stream.cancel();
    expect((await ended).code).toBe(status.CANCELLED);
    await vi.waitFor(() => expect(setup.ledger.listeners.size).toBe(0));
  });

  it.each([
    ['a camera id against the rule', { camera_id: 'a/b' }],
    ['a verdict it does not know', { verdict: 99 }],
  ])('refuses %s', async (_, request) => {
    const { client } = await startSource();
    const { ended } = collect(client.WatchResults(request, new Metadata()));
    expect((await ended).code).toBe(status.INVALID_ARGUMENT);
  });

  it('ends with the reason when the ledger cannot be read', async () => {
    const { client, ledger } = await startSource();
    ledger.failure = new LoupeError('store_unavailable', 'disk I/O error');
    const { ended } = collect(client.WatchResults({}, new Metadata()));
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE, details: 'disk I/O error' });
    await vi.waitFor(() => expect(ledger.listeners.size).toBe(0));
  });

  it('ends without the right to read', async () => {
    const { client } = await startSource({}, () => 'permission_denied');
    const { ended } = collect(client.WatchResults({}, new Metadata()));
    expect((await ended).code).toBe(status.PERMISSION_DENIED);
  });
});
