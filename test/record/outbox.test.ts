import { describe, expect, it, vi } from 'vitest';
import type { OutboxItem, OutboxPage } from '../../src/record/contract.ts';
import { databasePath, openForReading, openForWriting } from '../../src/record/database.ts';
import { LedgerTables } from '../../src/record/ledger-tables.ts';
import { Outbox } from '../../src/record/outbox.ts';
import { Reader } from '../../src/record/reader.ts';
import { cam, decisionOf, imageOf, openLedger, recordFrame, storeFolder } from './support.ts';

const own = { topic: null, correlationData: null };

const item = (id: number) => ({ id, cameraId: cam('line-1') }) as OutboxItem;

function pageOf(table: readonly OutboxItem[], sentUpTo: ReadonlyMap<string, number>, limit: number): OutboxPage {
  const waiting = table.filter(({ id, cameraId }) => id > (sentUpTo.get(cameraId) ?? 0));
  return { items: waiting.slice(0, limit), isAll: waiting.length <= limit };
}

describe('the outbox', () => {
  it('hands messages out in the order of their commit, each once done never again, across a restart', async () => {
    const path = storeFolder();
    const first = await openLedger({ path });
    const correlationData = new Uint8Array([1, 0, 255]);
    for (const id of ['a', 'b', 'c']) {
      const image = imageOf(id);
      await first.ledger.record(decisionOf(id, image), image, [own, { topic: `answers/${id}`, correlationData }]);
    }
    const [a1, a2, b1] = await first.ledger.outbox.next(3);
    expect([a1, a2, b1].map((item) => [item?.result.frameId, item?.topic, item?.duplicate])).toEqual([
      ['a', null, false],
      ['a', 'answers/a', false],
      ['b', null, false],
    ]);
    expect(a2?.correlationData).toEqual(correlationData);
    expect(a1?.cameraId).toBe('line-1');
    expect(await first.ledger.outbox.next(2)).toEqual([a1, a2]);
    await first.ledger.outbox.done([a1, a2].filter((item) => item !== undefined));
    expect(first.ledger.outbox.depth().items).toBe(4);
    await first.ledger.stop();

    const second = await openLedger({ path });
    expect(second.ledger.outbox.depth()).toMatchObject({ items: 4, oldestAt: expect.any(Number) });
    const rest = await second.ledger.outbox.next(100);
    expect(rest.map((item) => item.result.frameId)).toEqual(['b', 'b', 'c', 'c']);
    await second.ledger.outbox.done(rest);
    expect(await second.ledger.outbox.next(100)).toEqual([]);
    expect(second.ledger.outbox.depth()).toEqual({ items: 0, oldestAt: null });
  });

  it('hands out the messages of a camera with few of them beside those of one with thousands, each in its own order', async () => {
    const { ledger } = await openLedger();
    const say = async (camera: string, frame: string) => {
      const image = imageOf(frame);
      await ledger.record(decisionOf(frame, image, { cameraId: cam(camera) }), image, [own]);
    };
    await Promise.all(Array.from({ length: 600 }, (_, i) => say('loud', `l${i}`)));
    await say('quiet', 'q0');
    await say('quiet', 'q1');
    const handedOut = { loud: [] as number[], quiet: [] as string[] };
    const round = async () => {
      const items = await ledger.outbox.next(100);
      await ledger.outbox.done(items);
      for (const { id, cameraId, result } of items)
        if (cameraId === cam('loud')) handedOut.loud.push(id);
        else handedOut.quiet.push(result.frameId);
      return items.length;
    };
    await round();
    expect(handedOut).toEqual({ loud: expect.objectContaining({ length: 50 }), quiet: ['q0', 'q1'] });
    while ((await round()) > 0);
    expect(new Set(handedOut.loud).size).toBe(600);
    expect(handedOut.loud).toEqual(handedOut.loud.toSorted((a, b) => a - b));
    expect(ledger.outbox.depth().items).toBe(0);
  });

  it('adds messages about a row that stands already, marked duplicate, and tells of additions', async () => {
    const { ledger } = await openLedger();
    let added = 0;
    const stop = ledger.outbox.onAdded(() => (added += 1));
    const { resultId } = await recordFrame(ledger, 'a');
    expect(added).toBe(0);
    expect(await ledger.enqueue(resultId, [own])).toBe(true);
    expect(await ledger.enqueue(resultId, [])).toBe(true);
    expect(await ledger.enqueue('no-such-result', [own])).toBe(false);
    expect(added).toBe(1);
    stop();
    const other = { topic: 'a/b', correlationData: null };
    await ledger.enqueue(resultId, [other]);
    expect(added).toBe(1);
    expect((await ledger.outbox.next(10)).map((item) => item.duplicate)).toEqual([true, true]);
  });

  it('adds no message that is about to be sent anyway, and one more as soon as it was handed out', async () => {
    const { ledger } = await openLedger();
    const { resultId } = await recordFrame(ledger, 'a');
    const reply = (text: string) => ({ topic: 'a/b', correlationData: Buffer.from(text) });
    const asked = () =>
      Promise.all([[own], [own, reply('1')], [reply('1')], [reply('2')]].map((d) => ledger.enqueue(resultId, d)));
    expect(await asked()).toEqual([true, true, true, true]);
    expect(await asked()).toEqual([true, true, true, true]);
    expect(ledger.outbox.depth().items).toBe(3);
    const first = await ledger.outbox.next(1);
    await ledger.outbox.done(first);
    expect(await asked()).toEqual([true, true, true, true]);
    expect((await ledger.outbox.next(10)).map(({ topic }) => topic)).toEqual(['a/b', 'a/b', null]);
  });

  it('adds nothing for a duplicate frame by itself', async () => {
    const { ledger } = await openLedger();
    const image = imageOf('a');
    await ledger.record(decisionOf('a', image), image, [own]);
    await ledger.record(decisionOf('a', image), image, [own]);
    expect(ledger.outbox.depth().items).toBe(1);
  });

  it('drops what waited too long and says so', async () => {
    const { ledger, events } = await openLedger();
    const image = imageOf('a');
    await ledger.record(decisionOf('a', image, { cameraId: cam('c') }), image, [own, own]);
    expect(await ledger.outbox.drop({ olderThanMs: 60_000 })).toBe(0);
    expect(await ledger.outbox.drop({ olderThanMs: -60_000 })).toBe(2);
    expect(ledger.outbox.depth().items).toBe(0);
    expect(events).toContainEqual({ kind: 'outbox_dropped', items: 2 });
  });

  it('reads nothing back while what is committed is sent at once, and everything that it does not know', async () => {
    let table = [item(1), item(2)];
    let reads = 0;
    const outbox = new Outbox({
      read: async (sentUpTo, limit) => {
        reads += 1;
        return pageOf(table, sentUpTo, limit);
      },
      remove: async (ids) => {
        table = table.filter(({ id }) => !ids.includes(id));
        return true;
      },
      removeOlderThan: async () => {
        const { length } = table;
        table = [];
        return length;
      },
      depth: () => ({ items: table.length, oldestAt: null }),
    });
    const next = async () => (await outbox.next(10)).map(({ id }) => id);
    // Left over from a run before, and one committed of which no word came yet.
    table.push(item(3));
    expect(await next()).toEqual([1, 2, 3]);
    outbox.added([item(3)]);
    expect(await next()).toEqual([1, 2, 3]);
    await outbox.done([item(1), item(2)]);
    await outbox.removeSent();
    expect(await next()).toEqual([3]);
    await outbox.done([item(3)]);
    table.push(item(4), item(5));
    outbox.added([item(4), item(5)]);
    expect(await next()).toEqual([4, 5]);
    expect((await outbox.next(1)).map(({ id }) => id)).toEqual([4]);
    await outbox.done([item(4), item(5)]);
    expect(await next()).toEqual([]);
    expect(reads).toBe(1);
    // 6 was added about a row that stood already, so only its commit is known.
    table.push(item(6), item(7));
    outbox.added([]);
    outbox.added([item(7)]);
    expect(await next()).toEqual([6, 7]);
    expect(reads).toBe(2);
    // More than it keeps at hand while the broker is away, then all of it given up.
    const many = Array.from({ length: 1000 }, (_, i) => item(8 + i));
    table.push(...many);
    outbox.added(many);
    expect((await outbox.next(3)).map(({ id }) => id)).toEqual([6, 7, 8]);
    expect(reads).toBe(3);
    expect(await outbox.drop({ olderThanMs: 0 })).toBeGreaterThan(0);
    expect(await next()).toEqual([]);
  });

  it('remembers what was sent while the store cannot be written, and takes it out later', async () => {
    const table = [1, 2, 3].map(item);
    let isWritable = false;
    const outbox = new Outbox({
      read: async (sentUpTo, limit) => pageOf(table, sentUpTo, limit),
      remove: async (ids) => {
        if (isWritable)
          for (const id of ids)
            table.splice(
              table.findIndex((waiting) => waiting.id === id),
              1,
            );
        return isWritable;
      },
      removeOlderThan: async () => null,
      depth: () => ({ items: table.length, oldestAt: 5 }),
    });
    await outbox.done([item(1), item(2)]);
    expect((await outbox.next(2)).map(({ id }) => id)).toEqual([3]);
    expect(outbox.depth().items).toBe(1);
    expect(await outbox.drop({ olderThanMs: 0 })).toBe(0);
    isWritable = true;
    await outbox.removeSent();
    expect(table.map(({ id }) => id)).toEqual([3]);
    expect(outbox.depth().items).toBe(1);
  });

  it('never hands out again what was done while a read was under way', async () => {
    let answer: (page: OutboxPage) => void = () => undefined;
    const outbox = new Outbox({
      read: () => new Promise((resolve) => (answer = resolve)),
      remove: async () => true,
      removeOlderThan: async () => null,
      depth: () => ({ items: 0, oldestAt: null }),
    });
    const reading = outbox.next(10);
    await outbox.done([item(1)]);
    await outbox.removeSent();
    answer({ items: [item(1), item(2)], isAll: true });
    expect((await reading).map(({ id }) => id)).toEqual([2]);
  });

  it('hands out what is committed in the middle of a read', async () => {
    const path = storeFolder();
    const { database } = openForWriting(path, 'full');
    const tables = new LedgerTables(database);
    const commit = (...frames: readonly (readonly [camera: string, frame: string])[]): OutboxItem[] => {
      const jobs = frames.map(([camera, name]) => {
        const image = imageOf(name);
        const decision = decisionOf(name, image, { cameraId: cam(camera) });
        return { kind: 'record', request: { decision, image: null, deliveries: [own] }, imagePath: null } as const;
      });
      return tables.commit(jobs, Date.now()).flatMap((end) => {
        if (end.kind !== 'record' || end.outcome.kind !== 'recorded')
          throw new Error(`expected a row, got ${end.kind}`);
        const { result, outboxIds } = end.outcome;
        return outboxIds.map((id) => ({ ...own, id, cameraId: result.cameraId, duplicate: false, result }));
      });
    };
    commit(['busy', 'a']);
    const reading = openForReading(databasePath(path));
    let meanwhile: OutboxItem[] = [];
    const prepare = reading.prepare.bind(reading);
    reading.prepare = ((sql: string) => {
      const statement = prepare(sql);
      if (!sql.includes('RECURSIVE cameras')) return statement;
      const all = statement.all.bind(statement);
      statement.all = () => {
        const found = all();
        if (meanwhile.length === 0) meanwhile = commit(['quiet', 'b'], ['busy', 'c']);
        return found;
      };
      return statement;
    }) as typeof reading.prepare;
    const reader = new Reader(reading);
    const outbox = new Outbox({
      read: async (sentUpTo, limit) => reader.outboxNext(sentUpTo, limit),
      remove: async () => true,
      removeOlderThan: async () => null,
      depth: () => ({ items: 0, oldestAt: null }),
    });
    await outbox.next(10);
    outbox.added(meanwhile);
    expect((await outbox.next(10)).map(({ result }) => result.frameId)).toEqual(['a', 'b', 'c']);
    reading.close();
    database.close();
  });

  it('takes sent messages out together, and reads none of them again meanwhile', async () => {
    const removed: (readonly number[])[] = [];
    const readAfter: number[] = [];
    const outbox = new Outbox({
      read: async (sentUpTo, limit) => {
        const after = sentUpTo.get(cam('line-1')) ?? 0;
        readAfter.push(after);
        return { items: Array.from({ length: limit }, (_, i) => item(after + 1 + i)), isAll: false };
      },
      remove: async (ids) => removed.push(ids) > 0,
      removeOlderThan: async () => null,
      depth: () => ({ items: 0, oldestAt: null }),
    });
    for (let round = 0; round < 63; round++) await outbox.done(await outbox.next(1));
    expect(removed).toEqual([]);
    expect(readAfter.at(-1)).toBe(62);
    await outbox.done(await outbox.next(2));
    expect(removed).toHaveLength(1);
    expect(removed[0]).toHaveLength(65);
  });

  it('takes a lone sent message out of the table by itself, soon', async () => {
    const { ledger, path } = await openLedger();
    const image = imageOf('a');
    await ledger.record(decisionOf('a', image), image, [own]);
    await ledger.outbox.done(await ledger.outbox.next(1));
    expect(ledger.outbox.depth().items).toBe(0);
    const rows = () => {
      const database = openForReading(databasePath(path));
      try {
        return database.prepare('SELECT count(*) FROM outbox').pluck().get();
      } finally {
        database.close();
      }
    };
    await vi.waitFor(() => expect(rows()).toBe(0), 5000);
  });
});
