/** What `verifyStore` may find wrong, and its report. */

export interface AuditReport {
  readonly rows: number;
  /** Hash of the last row: kept elsewhere, it proves later that no row was cut off the end. */
  readonly chainHash: string;
}

export const FINDING_KINDS = [
  'database_damaged',
  'gap',
  'chain_broken',
  'row_contradicts',
  'image_missing',
  'image_altered',
  'image_unaccounted',
  'counter_wrong',
  'outbox_without_row',
  'audit_broken',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** Row it is about, null where it is about none. */
  readonly ledgerSeq: number | null;
  /** What was expected and what came. */
  readonly detail: string;
}

export interface VerifyReport {
  /** True where nothing was found wrong. Orphans and temporary files are no fault: a crash may leave them. */
  readonly ok: boolean;
  readonly rows: number;
  readonly lastLedgerSeq: number;
  /** Hash of the last row: kept elsewhere, it proves later that no row was cut off the end. */
  readonly chainHash: string;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly images: {
    readonly checked: number;
    readonly bytes: number;
    /** Taken by retention. */
    readonly removed: number;
    /** Files below images/ that no row speaks of. */
    readonly orphans: number;
    readonly temporary: number;
  };
  readonly outbox: number;
  readonly audit: AuditReport;
  /** The first ones found; `problems` counts all. */
  readonly findings: readonly Finding[];
  readonly problems: number;
}

const MAX_FINDINGS = 100;

export class Findings {
  readonly first: Finding[] = [];
  count = 0;

  add(kind: FindingKind, ledgerSeq: number | null, detail: string): void {
    this.count += 1;
    if (this.first.length < MAX_FINDINGS) this.first.push({ kind, ledgerSeq, detail });
  }
}
