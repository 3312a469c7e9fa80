import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LineView } from '../../src/dashboard/line-view.ts';
import { LiveFeed, MAX_WATCHERS, type Watcher } from '../../src/dashboard/live-feed.ts';
import type { CameraId } from '../../src/frame/frame.ts';
import { FakeLedger } from '../support/fake-ledger.ts';

class Page implements Watcher {
  readonly texts: string[] = [];
  takesMore = true;
  hasEnded = false;
  isSignedIn = true;
  mayGoOn(): boolean {
    return this.isSignedIn;
  }
  write(text: string): boolean {
    this.texts.push(text);
    return this.takesMore;
  }
  end(): void {
    this.hasEnded = true;
  }
  events(name: string): Record<string, unknown>[] {
    return this.texts
      .flatMap((text) => text.split('\n\n'))
      .filter((text) => text.startsWith(`event: ${name}\n`))
      .map((text) => JSON.parse(text.slice(text.indexOf('data: ') + 6)) as Record<string, unknown>);
  }
}

let ledger: FakeLedger;
let feed: LiveFeed;
let service = { isReady: true };

beforeEach(async () => {
  vi.useFakeTimers({ now: Date.now() });
  ledger = new FakeLedger();
  service = { isReady: true };
  feed = new LiveFeed({ ledger, view: new LineView(new Map()), service: () => service, now: () => Date.now() });
  await feed.start();
});
afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

const record = (camera = 'cam-1') => ledger.record({ cameraId: camera, receivedAt: Date.now() });
const period = () => vi.advanceTimersByTimeAsync(200);

describe('the live feed', () => {
  it('tells everybody what somebody said of a part, and who was busy as soon as they can take it', async () => {
    const [page, slow] = [new Page(), new Page()];
    slow.takesMore = false;
    feed.join(page);
    feed.join(slow);
    const judged = { resultId: 'r1', label: 'ng', reviewer: 'Ann' } as const;
    feed.judged({ ...judged, comment: 'not for all' } as typeof judged);
    expect(page.events('judged')).toEqual([judged]);
    expect(slow.events('judged')).toEqual([]);
    feed.drained(slow);
    expect(slow.events('judged')).toEqual([judged]);
    await period();
    expect(page.events('judged')).toHaveLength(1);
  });

  it('shows a newcomer what there is, then every change', async () => {
    record();
    await period();
    const page = new Page();
    feed.join(page);
    expect(page.events('service')).toEqual([{ isReady: true }]);
    expect(page.events('camera')).toMatchObject([{ cameraId: 'cam-1', strip: 'P' }]);
    record();
    await period();
    expect(page.events('camera').at(-1)).toMatchObject({ strip: 'PP' });
  });

  it('remembers no camera that the line has forgotten, however many ids were sent, and tells a page that was blocked of none', async () => {
    const page = new Page();
    page.takesMore = false;
    feed.join(page);
    for (let n = 0; n < 1000; n++) {
      record(`scanner-${n}`);
      if (n % 100 === 99) await vi.advanceTimersByTimeAsync(1000);
    }
    const { lateNews } = feed as unknown as { lateNews: ReadonlyMap<string, string> };
    expect(lateNews.size).toBe(256);
    page.texts.length = 0;
    feed.drained(page);
    expect(page.events('camera')).toHaveLength(256);
  });

  it('names the cameras there are, so that a page forgets one that is not there any more', async () => {
    record('cam-1');
    await period();
    const page = new Page();
    feed.join(page);
    record('cam-1');
    await period();
    record('cam-2');
    await period();
    expect(page.events('cameras')).toEqual([['cam-1'], ['cam-1', 'cam-2']]);
  });

  it('shows a listed camera that was slower than the rest as it was before a restart', async () => {
    const slow = 'slow' as CameraId;
    for (let i = 0; i < 60; i++) {
      ledger.record({ cameraId: slow, receivedAt: Date.now() - 1000, verdict: i === 2 ? 'REVIEW' : 'PASS' });
    }
    for (let i = 0; i < 1000; i++) record('fast');
    const view = new LineView(new Map([[slow, { taktMs: null }]]));
    const restarted = new LiveFeed({ ledger, view, service: () => service, now: () => Date.now() });
    await restarted.start();
    restarted.stop();
    expect(view.camera(slow, Date.now())).toMatchObject({
      strip: 'P'.repeat(50),
      conditions: [],
      last: { ledgerSeq: 60 },
      lastRejected: { ledgerSeq: 3, verdict: 'REVIEW' },
      notPassed: 1,
    });
  });

  it('starts though the ledger cannot be read', async () => {
    ledger.failure = new Error('disk');
    const view = new LineView(new Map([['cam-1' as CameraId, { taktMs: null }]]));
    const restarted = new LiveFeed({ ledger, view, service: () => service, now: () => Date.now() });
    await restarted.start();
    restarted.stop();
    expect(restarted.cameras()).toMatchObject([{ conditions: [{ kind: 'never_seen' }] }]);
  });

  it('tells of many commits at most five times a second', async () => {
    const page = new Page();
    feed.join(page);
    for (let i = 0; i < 100; i++) {
      record();
      await vi.advanceTimersByTimeAsync(10);
    }
    await period();
    expect(page.events('camera').length).toBeLessThanOrEqual(7);
    expect(page.events('camera').at(-1)).toMatchObject({ perMinute: 100 });
  });

  it('leaves out what a slow page missed, and gives it the latest when it can take it', async () => {
    const page = new Page();
    page.takesMore = false;
    feed.join(page);
    const before = page.texts.length;
    for (let i = 0; i < 20; i++) {
      record();
      await period();
    }
    expect(page.texts.length).toBe(before);
    page.takesMore = true;
    feed.drained(page);
    expect(page.texts.length).toBe(before + 1);
    expect(page.events('camera')).toMatchObject([{ strip: 'P'.repeat(20) }]);
  });

  it('says that a camera fell silent, without any commit', async () => {
    record();
    await period();
    const page = new Page();
    feed.join(page);
    await vi.advanceTimersByTimeAsync(7000);
    expect(page.events('camera').at(-1)).toMatchObject({ conditions: [{ kind: 'silent' }] });
  });

  it('says when readiness changes', async () => {
    const page = new Page();
    feed.join(page);
    service = { isReady: false };
    await vi.advanceTimersByTimeAsync(2100);
    expect(page.events('service').at(-1)).toEqual({ isReady: false });
    expect(page.events('service')).toHaveLength(2);
  });

  it('goes on after a read that failed', async () => {
    ledger.failure = new Error('disk');
    record();
    await period();
    ledger.failure = null;
    await period();
    expect(feed.cameras()).toMatchObject([{ strip: 'P' }]);
  });

  it('ends for whoever may not see it any more, within a second, and for nobody else', async () => {
    const [gone, other] = [new Page(), new Page()];
    feed.join(gone);
    feed.join(other);
    gone.isSignedIn = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect([gone.hasEnded, other.hasEnded]).toEqual([true, false]);
    const seen = gone.texts.length;
    record();
    await period();
    expect(gone.texts).toHaveLength(seen);
  });

  it('takes a bounded number of pages, and ends them when it stops', () => {
    const pages = Array.from({ length: MAX_WATCHERS }, () => new Page());
    expect(pages.every((page) => feed.join(page))).toBe(true);
    expect(feed.join(new Page())).toBe(false);
    feed.stop();
    expect(pages.every((page) => page.hasEnded)).toBe(true);
  });
});
