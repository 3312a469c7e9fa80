/** What a replay of many rows came to. */

import type { RecordedResult, Verdict } from '../../frame/verdict.ts';
import type { Candidate, Replayed } from '../../proving/replay.ts';

/** One row that did not come out as it was recorded. */
export interface Difference {
  readonly resultId: string;
  readonly ledgerSeq: number;
  readonly cameraId: string;
  readonly frameId: string;
  readonly partId: string | null;
  readonly recorded: { readonly verdict: Verdict; readonly probability: number | null; readonly model: string | null };
  readonly replayed: Replayed;
}

export interface ReplayReport {
  readonly schema: 'loupe.replay/1';
  readonly store: string;
  /** Null: each row with the model it was recorded with. */
  readonly model: string | null;
  readonly rows: number;
  readonly same: number;
  readonly different: number;
  readonly damaged: number;
  readonly notReplayable: number;
  /** Rows by why they were not replayable. */
  readonly why: Readonly<Record<string, number>>;
  /** Largest distance of a score from the recorded one; null with another model, and where none was scored. */
  readonly maxScoreDifference: number | null;
  /** Recorded verdict to verdict now, counted: `PASS>FAIL`. */
  readonly flips: Readonly<Record<string, number>>;
  /** The first of those that differ or are damaged; all are counted. */
  readonly differences: readonly Difference[];
}

const MAX_LISTED = 1000;
const MAX_PRINTED = 50;

/** Nothing differs, nothing is damaged, and something was replayed at all. */
export function isProven(report: ReplayReport): boolean {
  return report.different === 0 && report.damaged === 0 && report.same > 0;
}

export class Tally {
  rows = 0;
  private readonly store: string;
  private readonly candidate: Candidate | null;
  private readonly counts = { same: 0, different: 0, damaged: 0, not_replayable: 0 };
  private readonly why: Record<string, number> = {};
  private readonly flips: Record<string, number> = {};
  private readonly differences: Difference[] = [];
  private maxScoreDifference: number | null = null;

  constructor(store: string, candidate: Candidate | null) {
    this.store = store;
    this.candidate = candidate;
  }

  add(row: RecordedResult, replayed: Replayed): void {
    this.rows += 1;
    this.counts[replayed.kind] += 1;
    if (replayed.kind === 'not_replayable') this.why[replayed.why] = (this.why[replayed.why] ?? 0) + 1;
    if ('verdict' in replayed) {
      const flip = `${row.verdict}>${replayed.verdict}`;
      if (row.verdict !== replayed.verdict) this.flips[flip] = (this.flips[flip] ?? 0) + 1;
      const apart = Math.abs((replayed.probability ?? Number.NaN) - (row.defectProbability ?? Number.NaN));
      if (this.candidate === null && apart >= (this.maxScoreDifference ?? 0)) this.maxScoreDifference = apart;
    }
    const isListed = replayed.kind === 'different' || replayed.kind === 'damaged';
    if (isListed && this.differences.length < MAX_LISTED) this.differences.push(differenceOf(row, replayed));
  }

  report(): ReplayReport {
    const { same, different, damaged, not_replayable: notReplayable } = this.counts;
    const manifest = this.candidate?.package.manifest;
    return {
      schema: 'loupe.replay/1',
      store: this.store,
      model: manifest === undefined ? null : `${manifest.name}/${manifest.version}`,
      rows: this.rows,
      same,
      different,
      damaged,
      notReplayable,
      why: this.why,
      maxScoreDifference: this.maxScoreDifference,
      flips: this.flips,
      differences: this.differences.sort((a, b) => b.ledgerSeq - a.ledgerSeq),
    };
  }
}

function differenceOf(row: RecordedResult, replayed: Replayed): Difference {
  const { resultId, ledgerSeq, cameraId, frameId, partId, verdict, defectProbability: probability, model } = row;
  const named = model === null ? null : `${model.name}/${model.version}`;
  return { resultId, ledgerSeq, cameraId, frameId, partId, recorded: { verdict, probability, model: named }, replayed };
}

export function textOf(report: ReplayReport): string {
  const { same, different, damaged, notReplayable, model, maxScoreDifference: apart } = report;
  const what = model === null ? 'with the recorded models' : `with ${model} instead`;
  const lines = [
    `${report.store}: ${report.rows} rows, replayed ${what}: ${isProven(report) ? 'the same' : same + different + damaged === 0 ? 'NOTHING REPLAYED' : 'DIFFERENCES'}`,
    `  same            ${same}${apart === null ? '' : ` (largest distance of a score ${apart.toExponential(1)})`}`,
    `  different       ${different}${listOf(report.flips)}`,
    `  damaged         ${damaged} (image missing or altered)`,
    `  not replayable  ${notReplayable}${listOf(report.why)}`,
    ...report.differences.slice(0, MAX_PRINTED).map(({ ledgerSeq, cameraId, frameId, replayed }) => {
      const detail = 'detail' in replayed ? replayed.detail : null;
      return `  row ${ledgerSeq} ${cameraId}/${frameId}: ${detail ?? replayed.kind}`;
    }),
  ];
  const more = different + damaged - Math.min(report.differences.length, MAX_PRINTED);
  if (more > 0) lines.push(`  … and ${more} more`);
  return `${lines.join('\n')}\n`;
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const items = Object.entries(counts).map(([name, count]) => `${name.replaceAll('_', ' ')} ${count}`);
  return items.length === 0 ? '' : ` (${items.join(', ')})`;
}
