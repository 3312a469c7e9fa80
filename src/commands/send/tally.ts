/** What came of the frames that were sent: verdicts, latencies, and how they fit what the folders say. */

import Table from 'cli-table3';
import type { SendOutcome } from '../../client/sender.ts';
import { VERDICTS, type Verdict } from '../../frame/verdict.ts';
import type { Label } from './file-list.ts';

export type Sent = SendOutcome | { readonly kind: 'error'; readonly code: 'unreadable_file'; readonly message: string };

type VerdictCounts = Record<Verdict, number>;

export interface Summary {
  readonly frames: number;
  readonly answered: number;
  readonly errors: number;
  readonly duplicates: number;
  readonly verdicts: Readonly<VerdictCounts>;
  /** Frames by error code. */
  readonly error_codes: Readonly<Record<string, number>>;
  /** UNINSPECTED frames by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Milliseconds from sending to the answer; null where none came. */
  readonly latency_ms: {
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
  } | null;
  readonly seconds: number;
  readonly frames_per_second: number;
  /** Only where the folders carry labels. */
  readonly confusion?: Readonly<Record<Label, VerdictCounts>>;
}

export class Tally {
  private readonly verdicts = noVerdicts();
  private readonly confusion: Record<Label, VerdictCounts> = { ok: noVerdicts(), ng: noVerdicts() };
  private readonly errorCodes = new Map<string, number>();
  private readonly reasons = new Map<string, number>();
  private readonly latencies: number[] = [];
  private errors = 0;
  private duplicates = 0;
  private hasLabels = false;

  add(sent: Sent, label: Label | null, latencyMs: number): void {
    if (sent.kind === 'error') {
      this.errors++;
      this.errorCodes.set(sent.code, (this.errorCodes.get(sent.code) ?? 0) + 1);
      return;
    }
    this.verdicts[sent.verdict]++;
    this.latencies.push(latencyMs);
    if (sent.duplicate) this.duplicates++;
    if (sent.reason !== null) this.reasons.set(sent.reason, (this.reasons.get(sent.reason) ?? 0) + 1);
    if (label === null) return;
    this.hasLabels = true;
    this.confusion[label][sent.verdict]++;
  }

  /** @param frames how many were to be sent */
  summary(frames: number, seconds: number): Summary {
    const answered = this.latencies.length;
    const sorted = this.latencies.toSorted((a, b) => a - b);
    return {
      frames,
      answered,
      errors: this.errors,
      duplicates: this.duplicates,
      verdicts: { ...this.verdicts },
      error_codes: Object.fromEntries(this.errorCodes),
      reasons: Object.fromEntries(this.reasons),
      latency_ms:
        answered === 0
          ? null
          : { p50: rank(sorted, 0.5), p95: rank(sorted, 0.95), p99: rank(sorted, 0.99), max: rank(sorted, 1) },
      seconds: Math.round(seconds * 1000) / 1000,
      frames_per_second: seconds > 0 ? Math.round((answered / seconds) * 10) / 10 : 0,
      ...(this.hasLabels ? { confusion: structuredClone(this.confusion) } : {}),
    };
  }
}

function noVerdicts(): VerdictCounts {
  return { PASS: 0, FAIL: 0, REVIEW: 0, UNINSPECTED: 0 };
}

/** Nearest rank: the value below which the share `p` of all lies. */
function rank(sorted: readonly number[], p: number): number {
  return Math.round((sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)] ?? 0) * 100) / 100;
}

/** The summary for a person. */
export function describeSummary(summary: Summary): string {
  const { verdicts, latency_ms: latency, confusion } = summary;
  const lines = [
    `${summary.answered} of ${summary.frames} frames answered in ${summary.seconds.toFixed(1)} s ` +
      `(${summary.frames_per_second}/s), ${summary.errors} errors, ${summary.duplicates} duplicates`,
    VERDICTS.map((verdict) => `${verdict} ${verdicts[verdict]}`).join('   '),
  ];
  if (latency !== null) {
    lines.push(`latency ms   p50 ${latency.p50}   p95 ${latency.p95}   p99 ${latency.p99}   max ${latency.max}`);
  }
  for (const [name, counts] of [
    ['uninspected because', summary.reasons],
    ['errors', summary.error_codes],
  ] as const) {
    const parts = Object.entries(counts).map(([code, count]) => `${code} ${count}`);
    if (parts.length > 0) lines.push(`${name}   ${parts.join('   ')}`);
  }
  if (confusion !== undefined) lines.push(confusionTable(confusion));
  return `${lines.join('\n')}\n`;
}

function confusionTable(confusion: Readonly<Record<Label, VerdictCounts>>): string {
  const table = new Table({ head: ['folder says', ...VERDICTS], style: { head: [], border: [] } });
  for (const label of ['ok', 'ng'] as const) {
    table.push([label, ...VERDICTS.map((verdict) => confusion[label][verdict])]);
  }
  const escapes = `escapes (ng passed) ${confusion.ng.PASS}`;
  return `${table.toString()}\n${escapes}   false rejects (ok failed) ${confusion.ok.FAIL}`;
}
