/** A search as one file, read page by page while it is sent: a slow reader slows the reading, nothing piles up. */

import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { resultJson } from '../frame/result-json.ts';
import type { RecordedResult } from '../frame/verdict.ts';

export type ExportFormat = 'csv' | 'jsonl';

const PAGE = 500;

interface Page {
  readonly rows: readonly RecordedResult[];
  readonly next: number | null;
}

/** @param limit rows in all; `search` gives one page, newest first */
export function exportStream(
  format: ExportFormat,
  limit: number,
  search: (paging: { readonly limit: number; readonly before?: number }) => Promise<Page>,
): Readable {
  async function* parts(): AsyncGenerator<string> {
    if (format === 'csv') yield stringify([COLUMNS.map(([name]) => name)]);
    let left = limit;
    for (let before: number | null | undefined; left > 0 && before !== null; ) {
      const page: Page = await search({
        limit: Math.min(PAGE, left),
        ...(before === undefined ? {} : { before }),
      });
      left -= page.rows.length;
      before = page.next;
      if (page.rows.length > 0) yield format === 'csv' ? csvOf(page.rows) : jsonlOf(page.rows);
    }
  }
  return Readable.from(parts(), { objectMode: false });
}

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

type Cell = string | number | boolean | null;

const COLUMNS: readonly (readonly [string, (row: RecordedResult) => Cell])[] = [
  ['ledger_seq', (row) => row.ledgerSeq],
  ['result_id', (row) => row.resultId],
  ['camera', (row) => row.cameraId],
  ['frame_id', (row) => row.frameId],
  ['sequence', (row) => (row.sequence === null ? null : String(row.sequence))],
  ['part_id', (row) => row.partId],
  ['job_id', (row) => row.jobId],
  ['product_id', (row) => row.productId],
  ['verdict', (row) => row.verdict],
  ['reason', (row) => row.reason],
  ['disposition', (row) => row.disposition],
  ['probability', (row) => row.defectProbability],
  ['unfamiliarity', (row) => row.unfamiliarity],
  ['pass_below', (row) => row.cuts?.passBelow ?? null],
  ['fail_above', (row) => row.cuts?.failAbove ?? null],
  ['recipe', (row) => row.recipeId],
  ['model', (row) => row.model?.name ?? null],
  ['model_version', (row) => row.model?.version ?? null],
  ['model_sha256', (row) => row.model?.sha256 ?? null],
  ['model_variant', (row) => row.model?.variant ?? null],
  ['provider', (row) => row.provider],
  ['captured_at', (row) => iso(row.capturedAt)],
  ['received_at', (row) => iso(row.receivedAt)],
  ['decided_at', (row) => iso(row.decidedAt)],
  ['queue_ms', (row) => row.times.queueMs],
  ['decode_ms', (row) => row.times.decodeMs],
  ['infer_ms', (row) => row.times.inferMs],
  ['total_ms', (row) => row.times.totalMs],
  ['image_sha256', (row) => row.imageSha256],
  ['image_path', (row) => row.imagePath],
  ['simulated', (row) => row.isSimulated],
  ['chain_hash', (row) => row.chainHash],
];

/** Ids come from outside; a spreadsheet must not take one for a formula. */
function csvOf(rows: readonly RecordedResult[]): string {
  return stringify(
    rows.map((row) => COLUMNS.map(([, cell]) => cell(row))),
    { escape_formulas: true, cast: { boolean: String } },
  );
}

function jsonlOf(rows: readonly RecordedResult[]): string {
  return rows.map((row) => `${JSON.stringify(resultJson(row, false))}\n`).join('');
}
