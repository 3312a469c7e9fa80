/**
 * What happens on the line, to everyone who watches. Looks five times a second for new rows of the ledger; a watcher that does
 * not keep up gets the latest state of each camera when it can take it, and never what came in between.
 *
 *   ledger ──new rows──> LineView ──changed cameras──> watcher, watcher, …
 */

import type { CameraId } from '../frame/frame.ts';
import { type RecordedResult, type Verdict, VERDICTS } from '../frame/verdict.ts';
import { type LineView, STRIP } from './line-view.ts';
import type { ResultsPage } from './result-routes.ts';
import type { CameraView, ReviewJson } from './schemas.ts';

export interface LiveLedger {
  pageAfter(after: number, limit: number, filter: Readonly<Record<string, never>>): Promise<readonly RecordedResult[]>;
  /** Newest first. */
  search(query: {
    readonly cameraId: CameraId;
    readonly verdict?: Verdict;
    readonly before: number;
    readonly limit: number;
  }): Promise<ResultsPage>;
  lastLedgerSeq(): number;
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
/** The page takes three beats without a sign for a connection that is none any more. */
const HEARTBEAT_MS = 2000;
const NOT_PASSED = VERDICTS.filter((verdict) => verdict !== 'PASS');
export const MAX_WATCHERS = 64;
/** Judgements that wait for a watcher which takes nothing more. */
const MAX_JUDGED = 200;

/** What somebody said of a part: it leaves the queue of everybody else. */
export type Judged = Pick<ReviewJson, 'resultId' | 'label' | 'reviewer'>;

interface Stream {
  isBlocked: boolean;
  readonly pending: Set<CameraId>;
  hasPendingService: boolean;
  /** Which cameras there are, as it was last told. */
  told: string;
  judged: Judged[];
}

export class LiveFeed {
  private readonly options: LiveOptions;
  private readonly streams = new Map<Watcher, Stream>();
  /** What changes without any commit, as it was last sent. */
  private lateNews: ReadonlyMap<CameraId, string> = new Map();
  private service = '';
  private seq = 0;
  private isReading = false;
  private timers: NodeJS.Timeout[] = [];

  constructor(options: LiveOptions) {
    this.options = options;
  }

  /** Shows the last rows of the ledger, and of each listed camera the last of its own; then what comes. */
  async start(): Promise<void> {
    if (this.timers.length > 0) return;
    const { ledger, view } = this.options;
    this.seq = Math.max(0, ledger.lastLedgerSeq() - PAGE_ROWS);
    await Promise.all(view.cameraIds().map((cameraId) => this.recall(cameraId)));
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
    const stream: Stream = { isBlocked: false, pending, hasPendingService: true, told: '', judged: [] };
    this.streams.set(watcher, stream);
    this.flush(watcher, stream);
    return true;
  }

  /** Somebody judged a part. */
  judged({ resultId, label, reviewer }: Judged): void {
    for (const [watcher, stream] of this.streams) {
      stream.judged = [...stream.judged, { resultId, label, reviewer }].slice(-MAX_JUDGED);
      this.flush(watcher, stream);
    }
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

  /** What a camera did before the last rows of the ledger, in which a slow one has none; with its last part that did not pass. */
  private async recall(cameraId: CameraId): Promise<void> {
    const { ledger, view } = this.options;
    const before = this.seq + 1;
    const find = async (limit: number, verdict?: Verdict) =>
      (await ledger.search({ cameraId, before, limit, ...(verdict === undefined ? {} : { verdict }) })).rows;
    try {
      const last = (await find(STRIP)).toReversed();
      const isAmong = last.some(({ verdict }) => verdict !== 'PASS');
      const others = isAmong ? [] : await Promise.all(NOT_PASSED.map((verdict) => find(1, verdict)));
      const [rejected] = others.flat().sort((a, b) => b.ledgerSeq - a.ledgerSeq);
      for (const row of rejected === undefined ? last : [rejected, ...last]) view.note(row);
    } catch {
      // As below; the camera is shown with what comes.
    }
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
    const ids = view.cameraIds();
    // Made anew: ids come from outside, and cameras that made room for others are not remembered.
    const lateNews = new Map(ids.map((cameraId) => [cameraId, view.lateNews(cameraId, now())]));
    const changed = new Set(ids.filter((cameraId) => lateNews.get(cameraId) !== this.lateNews.get(cameraId)));
    this.lateNews = lateNews;
    for (const { pending } of this.streams.values()) {
      for (const cameraId of pending) if (!lateNews.has(cameraId)) pending.delete(cameraId);
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
    if (stream.pending.size === 0 && !stream.hasPendingService && stream.judged.length === 0) return;
    const { view, now, service } = this.options;
    const events: string[] = [];
    const cameras = JSON.stringify(view.cameraIds());
    if (cameras !== stream.told) events.push(`event: cameras\ndata: ${cameras}\n\n`);
    stream.told = cameras;
    if (stream.hasPendingService) events.push(`event: service\ndata: ${JSON.stringify(service())}\n\n`);
    for (const cameraId of stream.pending) {
      events.push(`event: camera\ndata: ${JSON.stringify(view.camera(cameraId, now()))}\n\n`);
    }
    for (const judged of stream.judged) events.push(`event: judged\ndata: ${JSON.stringify(judged)}\n\n`);
    stream.hasPendingService = false;
    stream.pending.clear();
    stream.judged = [];
    stream.isBlocked = !watcher.write(events.join(''));
  }
}
