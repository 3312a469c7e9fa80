/** The ports of a source, in memory: an inspector whose verdicts the test sets, and the ledger it fills. */

import type { UninspectedReason } from '../../src/errors.ts';
import type { CameraId, Frame, FrameId } from '../../src/frame/frame.ts';
import type { Outcome, RecordedResult, Verdict } from '../../src/frame/verdict.ts';
import type { InspectOptions, Inspector, ResultsFilter, ResultsReader } from '../../src/ingest/ports.ts';
import { recordedOf } from './frames.ts';

export class FakeLedger implements ResultsReader {
  readonly rows: RecordedResult[] = [];
  readonly listeners = new Set<(last: number) => void>();
  pagesRead = 0;
  failure: Error | null = null;

  record(over: Parameters<typeof recordedOf>[0]): RecordedResult {
    const ledgerSeq = this.rows.length + 1;
    const resultId = `01900000-0000-7000-8000-${String(ledgerSeq).padStart(12, '0')}`;
    const row = { ...recordedOf(over), ledgerSeq, resultId };
    this.rows.push(row);
    for (const listener of this.listeners) listener(ledgerSeq);
    return row;
  }

  async get(resultId: string) {
    if (this.failure !== null) throw this.failure;
    return this.rows.find((row) => row.resultId === resultId) ?? null;
  }

  async find(cameraId: CameraId, frameId: FrameId) {
    return this.rows.find((row) => row.cameraId === cameraId && row.frameId === frameId) ?? null;
  }

  async pageAfter(after: number, limit: number, filter: ResultsFilter) {
    this.pagesRead++;
    if (this.failure !== null) throw this.failure;
    return this.rows
      .slice(after)
      .filter((row) => filter.cameraId === undefined || row.cameraId === filter.cameraId)
      .filter((row) => filter.verdict === undefined || row.verdict === filter.verdict)
      .slice(0, limit);
  }

  async search({
    cameraId,
    verdict,
    before,
    limit,
  }: {
    cameraId: CameraId;
    verdict?: Verdict;
    before: number;
    limit: number;
  }) {
    if (this.failure !== null) throw this.failure;
    const found = this.rows
      .filter((row) => row.cameraId === cameraId && row.ledgerSeq < before)
      .filter((row) => verdict === undefined || row.verdict === verdict);
    return { rows: found.toReversed().slice(0, limit), next: null };
  }

  lastLedgerSeq() {
    return this.rows.length;
  }

  onCommit(listener: (last: number) => void) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Records every frame as PASS, unless told what to do with it. */
export class FakeInspector implements Inspector {
  readonly ledger: FakeLedger;
  readonly frames: Frame[] = [];
  readonly signals: AbortSignal[] = [];
  decide: (frame: Frame, options: InspectOptions) => Outcome | Promise<Outcome> = (frame) => this.pass(frame);

  constructor(ledger: FakeLedger) {
    this.ledger = ledger;
  }

  async inspect(frame: Frame, options: InspectOptions = {}): Promise<Outcome> {
    this.frames.push(frame);
    if (options.signal !== undefined) this.signals.push(options.signal);
    return await this.decide(frame, options);
  }

  async pass(frame: Frame): Promise<Outcome> {
    const { cameraId, frameId, imageSha256 } = frame;
    const earlier = await this.ledger.find(cameraId, frameId);
    if (earlier !== null) return { kind: 'answered', result: earlier, duplicate: true };
    const result = this.ledger.record({ cameraId, frameId, imageSha256, sequence: frame.sequence });
    return { kind: 'answered', result, duplicate: false };
  }

  uninspected(frame: Frame, reason: UninspectedReason): Outcome {
    const { cameraId, frameId } = frame;
    const fields = { verdict: 'UNINSPECTED', defectProbability: null, disposition: 'reject' } as const;
    const result = this.ledger.record({ cameraId, frameId, reason, reasonDetail: `because ${reason}`, ...fields });
    return { kind: 'answered', result, duplicate: false };
  }
}
