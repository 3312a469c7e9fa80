import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RecordOutcome } from '../../src/record/contract.ts';
import { openForWriting } from '../../src/record/database.ts';
import { ImageStore, type ImageFile, type ImageFiles } from '../../src/record/image-store.ts';
import type { RetentionPolicy } from '../../src/record/contract.ts';
import type { Reply, WriterNotice } from '../../src/record/protocol.ts';
import { Writer } from '../../src/record/writer.ts';
import { decisionOf, imageOf, storeFolder } from './support.ts';

/** The real image files on a disk that fails when told to. */
class FailingFiles implements ImageFiles {
  fault: 'ENOSPC' | 'EIO' | null = null;
  free: number | null = null;
  afterWrite: () => void = () => undefined;
  private readonly real: ImageStore;

  constructor(root: string) {
    this.real = new ImageStore(root);
  }

  async write(files: readonly ImageFile[]): Promise<void> {
    this.failIfTold();
    await this.real.write(files);
    this.afterWrite();
  }

  remove(paths: readonly string[]): Promise<void> {
    return this.real.remove(paths);
  }

  async probe(bytes: number): Promise<void> {
    this.failIfTold();
    await this.real.probe(bytes);
  }

  freeBytes(): number {
    return this.free ?? this.real.freeBytes();
  }

  private failIfTold(): void {
    if (this.fault !== null) throw Object.assign(new Error(`${this.fault}: the disk fails`), { code: this.fault });
  }
}

async function startWriter(retention: Partial<RetentionPolicy> = {}, now = Date.now, path = storeFolder()) {
  const files = new FailingFiles(join(path, 'images'));
  const replies: Reply[] = [];
  const notices: WriterNotice[] = [];
  const writer = new Writer(
    { path, durability: 'full', retention: { maxAgeDays: null, maxBytes: null, minFreeBytes: 0, ...retention } },
    {
      files,
      now,
      post: (some, answers) => {
        notices.push(...some);
        replies.push(...answers);
      },
    },
  );
  expect(await writer.start()).toBe(true);
  onTestFinished(() => writer.stop());
  let id = 0;
  const record = async (frameId: string): Promise<RecordOutcome> => {
    const image = imageOf(frameId);
    id += 1;
    const own = id;
    writer.handle([
      { id: own, name: 'record', args: { decision: decisionOf(frameId, image), image: image.bytes, deliveries: [] } },
    ]);
    const found = () => replies.find((reply) => reply.id === own);
    await expect.poll(found, { interval: 5 }).toBeDefined();
    const reply = found();
    return (reply !== undefined && 'value' in reply ? reply.value : reply) as RecordOutcome;
  };
  const isWritable = () => notices.findLast((notice) => notice.kind === 'state')?.state.writable;
  const stored = () => readdirSync(path, { recursive: true }).filter((name) => String(name).endsWith('.jpg')).length;
  return { path, files, writer, record, isWritable, stored, notices };
}

describe('the writer', () => {
  it.each(['ENOSPC', 'EIO'] as const)(
    'closes the store at %s, tries with every tick, and opens when a write succeeds',
    async (fault) => {
      const { files, writer, record, isWritable, stored, notices } = await startWriter();
      expect((await record('a')).kind).toBe('recorded');
      files.fault = fault;
      expect(await record('b')).toEqual({ kind: 'unavailable', detail: `${fault}: the disk fails` });
      expect(isWritable()).toBe(false);
      writer.tick();
      writer.tick();
      expect(await record('c')).toMatchObject({ kind: 'unavailable' });
      files.fault = null;
      writer.tick();
      await expect.poll(isWritable, { interval: 5 }).toBe(true);
      expect(await record('b')).toMatchObject({ kind: 'recorded', result: { ledgerSeq: 2 } });
      expect(stored()).toBe(2);
      const kinds = notices.flatMap((notice) => (notice.kind === 'event' ? [notice.event.kind] : []));
      expect(kinds.filter((kind) => kind !== 'committed')).toEqual(['opened', 'unavailable', 'available']);
    },
  );

  it('takes no image for its age by a clock that jumped ahead, and says so once; the next writer neither', async () => {
    let aheadMs = 0;
    const now = () => Date.now() + aheadMs;
    const { path, writer, record, stored, notices } = await startWriter({ maxAgeDays: 90 }, now);
    const kinds = () => notices.flatMap((notice) => (notice.kind === 'event' ? [notice.event.kind] : []));
    await record('a');
    aheadMs = 365 * 24 * 3_600_000;
    for (let i = 0; i < 3; i++) {
      writer.tick();
      await record(`b${i}`);
    }
    expect(stored()).toBe(4);
    expect(kinds().filter((kind) => kind === 'clock_jumped')).toHaveLength(1);
    expect(kinds()).not.toContain('images_removed');
    await writer.stop();
    const next = await startWriter({ maxAgeDays: 90 }, now, path);
    for (let i = 0; i < 3; i++) {
      next.writer.tick();
      await next.record(`c${i}`);
    }
    expect(stored()).toBe(7);
  });

  it('makes room while the clock is one that jumped ahead, and goes on recording', async () => {
    let aheadMs = 0;
    const { writer, record, stored, notices } = await startWriter({ maxBytes: 10 }, () => Date.now() + aheadMs);
    const kinds = () => notices.flatMap((notice) => (notice.kind === 'event' ? [notice.event.kind] : []));
    await record('frame-0001');
    aheadMs = 365 * 24 * 3_600_000;
    await record('frame-0002');
    writer.tick();
    await expect.poll(kinds, { interval: 5 }).toContain('images_removed');
    expect((await record('frame-0003')).kind).toBe('recorded');
    expect(kinds()).not.toContain('unavailable');
    expect(stored()).toBe(2);
  });

  it('takes no more images than are missing, also where the disk gives their room back only later', async () => {
    const { files, writer, record, stored, notices } = await startWriter({ minFreeBytes: 1000 });
    const names = ['frame-0001', 'frame-0002', 'frame-0003', 'frame-0004', 'frame-0005', 'frame-0006'];
    for (const name of names) await record(name);
    // btrfs and ZFS: what is unlinked counts as used for seconds.
    files.free = 985;
    writer.tick();
    const removals = () =>
      notices.filter((notice) => notice.kind === 'event' && notice.event.kind === 'images_removed');
    await expect.poll(removals, { interval: 5 }).not.toEqual([]);
    await writer.stop();
    expect(stored()).toBe(4);
  });

  it('takes the images away that a disk failed to make durable', async () => {
    const { files, writer, record, isWritable, stored } = await startWriter();
    files.afterWrite = () => {
      files.afterWrite = () => undefined;
      throw new Error('EIO: the folder cannot be synced');
    };
    expect(await record('a')).toMatchObject({ kind: 'unavailable' });
    writer.tick();
    await expect.poll(isWritable, { interval: 5 }).toBe(true);
    expect(stored()).toBe(0);
  });

  it('takes the images of a failed commit away, once it knows that their rows do not stand', async () => {
    const { path, files, writer, record, isWritable, stored } = await startWriter();
    expect((await record('a')).kind).toBe('recorded');
    // Another hand holds the write lock, so that the images get written and the commit fails.
    const { database } = openForWriting(path, 'full');
    files.afterWrite = () => {
      files.afterWrite = () => undefined;
      database.exec("CREATE TRIGGER fails BEFORE INSERT ON results BEGIN SELECT RAISE(ROLLBACK, 'no'); END");
    };
    expect(await record('b')).toMatchObject({ kind: 'unavailable' });
    expect(stored()).toBe(2);
    database.exec('DROP TRIGGER fails');
    database.close();
    writer.tick();
    await expect.poll(isWritable, { interval: 5 }).toBe(true);
    expect(stored()).toBe(1);
    expect(await record('b')).toMatchObject({ kind: 'recorded', result: { ledgerSeq: 2 } });
  });
});
