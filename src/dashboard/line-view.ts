/** The line as an operator sees it: each camera's last verdicts, rate, yield, latency, and what is wrong with it. Pure. */

import type { CameraId } from '../frame/frame.ts';
import { isUnfamiliar } from '../frame/score.ts';
import { type RecordedResult, type Verdict, VERDICTS } from '../frame/verdict.ts';
import type { CameraView, Condition, Sight } from './schemas.ts';

export interface ListedCamera {
  readonly taktMs: number | null;
}

/** Parts of a camera that are remembered one by one. */
export const STRIP = 50;
const MAX_CAMERAS = 256;
/** A camera is silent after so many of its own periods, and never sooner than this. */
const SILENT_PERIODS = 5;
const SILENT_MIN_MS = 5000;
/** From this share of the last frames on, a person should look. */
const WORRYING_SHARE = 0.1;
const MINUTE_MS = 60_000;
const LETTER: Readonly<Record<Verdict, string>> = { PASS: 'P', FAIL: 'F', REVIEW: 'R', UNINSPECTED: 'U' };
const PICTURES = new Set(['image/jpeg', 'image/png', 'image/webp']);

interface Seen {
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly isUnfamiliar: boolean;
  readonly totalMs: number;
  readonly receivedAt: number;
}

interface Minute {
  readonly minute: number;
  readonly counts: Record<Verdict, number>;
}

interface CameraState {
  last: RecordedResult;
  lastRejected: RecordedResult | null;
  notPassed: number;
  readonly recent: Seen[];
  readonly seconds: { second: number; count: number }[];
  readonly minutes: Minute[];
}

/** What others know of a camera and its frames. */
export interface LineKnowledge {
  /** What a camera does otherwise than in its baseline. */
  driftOf(cameraId: CameraId): readonly Condition[];
  /** Whether a heat map of a result was made. */
  hasHeatMap(resultId: string): boolean;
}

const NOTHING: LineKnowledge = { driftOf: () => [], hasHeatMap: () => false };

/** Bounded: cameras not listed make room, the one longest silent first. */
export class LineView {
  private readonly listed: ReadonlyMap<CameraId, ListedCamera>;
  private readonly known: LineKnowledge;
  private readonly states = new Map<CameraId, CameraState>();

  constructor(listed: ReadonlyMap<CameraId, ListedCamera>, known: LineKnowledge = NOTHING) {
    this.listed = listed;
    this.known = known;
  }

  /** @param result later in the ledger than those before */
  note(result: RecordedResult): void {
    const state = this.states.get(result.cameraId) ?? {
      last: result,
      lastRejected: null,
      notPassed: 0,
      recent: [],
      seconds: [],
      minutes: [],
    };
    // Again, so that the one longest silent stands first.
    this.states.delete(result.cameraId);
    this.states.set(result.cameraId, state);
    state.last = result;
    if (result.verdict !== 'PASS') {
      state.lastRejected = result;
      state.notPassed++;
    }
    const { verdict, reason, receivedAt, times } = result;
    state.recent.push({ verdict, reason, isUnfamiliar: isUnfamiliar(result), receivedAt, totalMs: times.totalMs });
    if (state.recent.length > STRIP) state.recent.shift();
    count(state, verdict, receivedAt);
    this.makeRoom();
  }

  cameraIds(): readonly CameraId[] {
    return [...new Set([...this.listed.keys(), ...[...this.states.keys()].sort()])];
  }

  /** @param now milliseconds since 1970 */
  camera(cameraId: CameraId, now: number): CameraView {
    const state = this.states.get(cameraId);
    const taktMs = this.listed.get(cameraId)?.taktMs ?? null;
    const recent = state?.recent ?? [];
    return {
      cameraId,
      isListed: this.listed.has(cameraId),
      taktMs,
      last: this.sightOf(state?.last ?? null),
      lastRejected: this.sightOf(state?.lastRejected ?? null),
      notPassed: state?.notPassed ?? 0,
      strip: recent.map(({ verdict }) => LETTER[verdict]).join(''),
      perMinute: (state?.seconds ?? [])
        .filter(({ second }) => second * 1000 > now - MINUTE_MS)
        .reduce((sum, { count }) => sum + count, 0),
      counts: totals((state?.minutes ?? []).filter(({ minute }) => minute * MINUTE_MS > now - 60 * MINUTE_MS)),
      p95Ms: quantile(
        recent.map(({ totalMs }) => totalMs),
        0.95,
      ),
      conditions: [...conditionsOf(recent, taktMs, now), ...this.known.driftOf(cameraId)],
    };
  }

  /** What changes without a new frame: silence, drift, a heat map that was made after its part was answered. */
  lateNews(cameraId: CameraId, now: number): string {
    const rejected = this.states.get(cameraId)?.lastRejected ?? null;
    const { conditions } = this.camera(cameraId, now);
    return JSON.stringify([conditions, rejected !== null && this.known.hasHeatMap(rejected.resultId)]);
  }

  private sightOf(result: RecordedResult | null): Sight | null {
    return result === null ? null : sightOf(result, this.known.hasHeatMap(result.resultId));
  }

  private makeRoom(): void {
    for (const cameraId of this.states.keys()) {
      if (this.states.size <= MAX_CAMERAS) return;
      if (!this.listed.has(cameraId)) this.states.delete(cameraId);
    }
  }
}

function count(state: CameraState, verdict: Verdict, at: number): void {
  const second = Math.floor(at / 1000);
  // Rows may lie a little out of order; more than a minute, and the clock was set back: what lies ahead of it is of no minute.
  const newest = state.seconds.at(-1)?.second ?? second;
  if (newest - second > MINUTE_MS / 1000) state.seconds.length = 0;
  const lastSecond = state.seconds.at(-1);
  if (lastSecond !== undefined && lastSecond.second >= second) lastSecond.count++;
  else state.seconds.push({ second, count: 1 });
  if (state.seconds.length > 61) state.seconds.shift();
  const minute = Math.floor(at / MINUTE_MS);
  let lastMinute = state.minutes.at(-1);
  if (lastMinute === undefined || lastMinute.minute < minute) {
    lastMinute = { minute, counts: totals([]) };
    state.minutes.push(lastMinute);
  }
  lastMinute.counts[verdict]++;
  if (state.minutes.length > 61) state.minutes.shift();
}

function totals(minutes: readonly Minute[]): Record<Verdict, number> {
  const sum = { PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 0 };
  for (const { counts } of minutes) for (const verdict of VERDICTS) sum[verdict] += counts[verdict];
  return sum;
}

function conditionsOf(recent: readonly Seen[], taktMs: number | null, now: number): Condition[] {
  const last = recent.at(-1);
  if (last === undefined) return [{ kind: 'never_seen' }];
  const found: Condition[] = [];
  const gaps = recent.slice(1).map((seen, i) => Math.max(0, seen.receivedAt - (recent[i]?.receivedAt ?? 0)));
  const periodMs = Math.round(quantile(gaps, 0.5) ?? 0);
  const sinceMs = Math.round(now - last.receivedAt);
  // From a time that has not come: the clock was set back, and nobody knows for how long nothing came.
  if (sinceMs < -SILENT_MIN_MS) found.push({ kind: 'silent', sinceMs: null, periodMs });
  if (sinceMs > Math.max(SILENT_MIN_MS, SILENT_PERIODS * periodMs)) found.push({ kind: 'silent', sinceMs, periodMs });
  const share = (isSo: (seen: Seen) => boolean) => recent.filter(isSo).length / recent.length;
  const isLate = (seen: Seen) => seen.reason === 'deadline_exceeded' || (taktMs !== null && seen.totalMs > taktMs);
  const late = share(isLate);
  if (late >= WORRYING_SHARE) found.push({ kind: 'late', share: late });
  const uninspected = share((seen) => seen.verdict === 'UNINSPECTED' && !isLate(seen));
  const reason = recent.findLast((seen) => seen.reason !== null && !isLate(seen))?.reason;
  if (uninspected >= WORRYING_SHARE) found.push({ kind: 'uninspected', share: uninspected, reason: reason ?? '' });
  const unfamiliar = share((seen) => seen.isUnfamiliar);
  if (unfamiliar >= WORRYING_SHARE) found.push({ kind: 'unfamiliar', share: unfamiliar });
  return found;
}

function quantile(values: readonly number[], q: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
}

function sightOf(result: RecordedResult, hasHeatMap: boolean): Sight {
  return {
    resultId: result.resultId,
    ledgerSeq: result.ledgerSeq,
    frameId: result.frameId,
    partId: result.partId,
    verdict: result.verdict,
    reason: result.reason,
    disposition: result.disposition,
    defectProbability: result.defectProbability,
    unfamiliarity: result.unfamiliarity,
    passBelow: result.cuts?.passBelow ?? null,
    failAbove: result.cuts?.failAbove ?? null,
    totalMs: result.times.totalMs,
    receivedAt: new Date(result.receivedAt).toISOString(),
    hasPicture: result.imagePath !== null && PICTURES.has(result.imageMediaType),
    hasHeatMap,
    isSimulated: result.isSimulated,
  };
}
