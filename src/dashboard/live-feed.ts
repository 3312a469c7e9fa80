/**
 * What happens on the line, to everyone who watches. Reads the ledger after commits, at most five times a second; a watcher
 * that does not keep up gets the latest state of each camera when it can take it, and never what came in between.
 *
 *   ledger.onCommit ──> read rows ──> LineView ──changed cameras──> watcher, watcher, …
 */

import type { CameraId } from '../frame/frame.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { LineView } from './line-view.ts';
import type { CameraView } from './schemas.ts';

export interface LiveLedger {
  pageAfter(after: number, limit: number, filter: Readonly<Record<string, never>>): Promise<readonly RecordedResult[]>;
  lastLedgerSeq(): number;
  onCommit(listener: (lastLedgerSeq: number) => void): () => void;
}

export interface LiveOptions {
  readonly ledger: LiveLedger;
  readonly view: LineView;
  /** What the head of the page shows: readiness and its reasons. */
  readonly service: () => object;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** One open stream. */
export interface Watcher {
  /** Ends the stream. */
  end(): void;
  /** False where whoever watches may see no more: signed out, disabled, run out. Asked every second. */
  mayGoOn(): boolean;
  /** False when it can take no more for now; `LiveFeed.drained` says when it can. */
  write(text: string): boolean;
}

const PERIOD_MS = 200;
/** Rows read at once; a line that is faster than this per period is shown with gaps. */
const PAGE_ROWS = 1000;
const STATE_MS = 1000;
const HEARTBEAT_MS = 15_000;
export const MAX_WATCHERS = 64;

interface Stream {
  isBlocked: boolean;
  readonly pending: Set<CameraId>;
  hasPendingService: boolean;
}

export class LiveFeed {
  private readonly options: LiveOptions;
  private readonly streams = new Map<Watcher, Stream>();
  /** What changes without any commit, as it was last sent. */
  private readonly lateNews = new Map<CameraId, string>();
  private service = '';
  private seq = 0;
  private isReading = false;
  private timers: NodeJS.Timeout[] = [];

  constructor(options: LiveOptions) {
    this.options = options;
  }

  /** Shows the last rows of the ledger, then what comes. */
  async start(): Promise<void> {
    if (this.timers.length > 0) return;
    this.seq = Math.max(0, this.options.ledger.lastLedgerSeq() - PAGE_ROWS);
    this.timers = [
      setInterval(() => void this.read(), PERIOD_MS),
      setInterval(() => this.tellStates(), STATE_MS),
      setInterval(() => this.beat(), HEARTBEAT_MS),
    ];
    await this.read();
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    for (const watcher of this.streams.keys()) watcher.end();
    this.streams.clear();
  }

  cameras(): CameraView[] {
    const { view, now } = this.options;
    return view.cameraIds().map((cameraId) => view.camera(cameraId, now()));
  }

  /** False where too many watch already. */
  join(watcher: Watcher): boolean {
    if (this.streams.size >= MAX_WATCHERS) return false;
    const pending = new Set(this.options.view.cameraIds());
    const stream: Stream = { isBlocked: false, pending, hasPendingService: true };
    this.streams.set(watcher, stream);
    this.flush(watcher, stream);
    return true;
  }

  leave(watcher: Watcher): void {
    this.streams.delete(watcher);
  }

  /** `watcher` can take more. */
  drained(watcher: Watcher): void {
    const stream = this.streams.get(watcher);
    if (stream === undefined) return;
    stream.isBlocked = false;
    this.flush(watcher, stream);
  }

  private async read(): Promise<void> {
    const { ledger, view } = this.options;
    const last = ledger.lastLedgerSeq();
    if (this.isReading || last <= this.seq) return;
    this.isReading = true;
    try {
      const after = Math.max(this.seq, last - PAGE_ROWS);
      const rows = await ledger.pageAfter(after, PAGE_ROWS, {});
      for (const row of rows) view.note(row);
      this.seq = rows.at(-1)?.ledgerSeq ?? after;
      this.tell(new Set(rows.map((row) => row.cameraId)));
    } catch {
      // A ledger that cannot be read now shows in the service's state; the next turn reads again.
    } finally {
      this.isReading = false;
    }
  }

  private tell(changed: ReadonlySet<CameraId>): void {
    for (const [watcher, stream] of this.streams) {
      for (const cameraId of changed) stream.pending.add(cameraId);
      this.flush(watcher, stream);
    }
  }

  private tellStates(): void {
    for (const watcher of this.streams.keys()) {
      if (watcher.mayGoOn()) continue;
      this.streams.delete(watcher);
      watcher.end();
    }
    const { view, now } = this.options;
    const changed = new Set<CameraId>();
    for (const cameraId of view.cameraIds()) {
      const news = view.lateNews(cameraId, now());
      if (news !== this.lateNews.get(cameraId)) changed.add(cameraId);
      this.lateNews.set(cameraId, news);
    }
    const service = JSON.stringify(this.options.service());
    if (service !== this.service) for (const stream of this.streams.values()) stream.hasPendingService = true;
    this.service = service;
    this.tell(changed);
  }

  private beat(): void {
    for (const [watcher, stream] of this.streams) {
      if (!stream.isBlocked) stream.isBlocked = !watcher.write(': \n\n');
    }
  }

  private flush(watcher: Watcher, stream: Stream): void {
    if (stream.isBlocked) return;
    const { view, now, service } = this.options;
    const events: string[] = [];
    if (stream.hasPendingService) events.push(`event: service\ndata: ${JSON.stringify(service())}\n\n`);
    for (const cameraId of stream.pending) {
      events.push(`event: camera\ndata: ${JSON.stringify(view.camera(cameraId, now()))}\n\n`);
    }
    stream.hasPendingService = false;
    stream.pending.clear();
    if (events.length > 0) stream.isBlocked = !watcher.write(events.join(''));
  }
}
