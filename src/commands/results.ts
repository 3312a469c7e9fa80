/** `loupe results`: reads the ledger, on disk or over HTTP, newest first. */

import type { Command } from 'commander';
import { Option } from 'commander';
import CliTable from 'cli-table3';
import { stringify } from 'csv-stringify/sync';
import type { HttpApi } from '../client/http-api.ts';
import { cameraIdFrom } from '../frame/identifiers.ts';
import { resultJson, type ResultJson } from '../frame/result-json.ts';
import { type Verdict, VERDICTS } from '../frame/verdict.ts';
import { StoreReader } from '../record/store-reader.ts';
import { StoreRefusedError } from '../record/database.ts';
import { withApi } from './asked-service.ts';
import { CommandError, EXIT } from './exit.ts';
import { addServiceOptions, numberIn, type ServiceOptions, timeFrom } from './options.ts';

interface ResultsOptions extends ServiceOptions {
  readonly store?: string;
  readonly camera?: string;
  readonly verdict?: Verdict;
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
  readonly format: 'table' | 'csv' | 'jsonl';
  readonly json?: boolean;
}

/** One row as every format shows it. */
interface Line {
  readonly ledger_seq: number;
  readonly result_id: string;
  readonly camera: string;
  readonly frame_id: string;
  readonly verdict: string;
  readonly reason: string | null;
  readonly probability: number | null;
  readonly disposition: string;
  readonly recipe: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly part_id: string | null;
  readonly sequence: string | null;
  readonly received_at: string | null;
  readonly total_ms: number;
  readonly image_sha256: string;
  readonly image_path: string | null;
  readonly simulated: boolean;
}

const PAGE = 1000;

export function registerResults(program: Command): void {
  addServiceOptions(
    program
      .command('results')
      .description('show recorded results, newest first')
      .option('--store <dir>', 'read a store folder (beside a running service, or a copy)'),
  )
    .option('--camera <id>', 'only of this camera')
    .addOption(new Option('--verdict <verdict>', 'only with this verdict').choices(VERDICTS))
    .option('--since <time>', 'received at or after, for example 2026-11-24T06:00:00Z or 15m, 8h, 2d ago', timeFrom)
    .option('--until <time>', 'received before', timeFrom)
    .option('--limit <n>', 'at most so many rows', numberIn(1, 100_000_000, true), 100)
    .addOption(new Option('--format <format>', 'how').choices(['table', 'csv', 'jsonl']).default('table'))
    .option('--json', 'the same as --format jsonl')
    .action(async (options: ResultsOptions) => {
      if ((options.store === undefined) === (options.http === undefined)) {
        throw new CommandError(EXIT.usage, 'expected either --store DIR or --http URL');
      }
      if (options.camera !== undefined && cameraIdFrom(options.camera) === null) {
        throw new CommandError(EXIT.usage, `"${options.camera}" can be no camera id`);
      }
      const format = options.json === true ? 'jsonl' : options.format;
      if (options.store === undefined) await withApi(options, (api) => print(pagesOverHttp(api, options), format));
      else await print(pagesOnDisk(options.store, options), format);
    });
}

async function* pagesOnDisk(store: string, options: ResultsOptions): AsyncGenerator<ResultJson[]> {
  let reader: StoreReader;
  try {
    reader = new StoreReader(store);
  } catch (error) {
    throw error instanceof StoreRefusedError ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
  }
  try {
    let before: number | undefined;
    for (let left = options.limit; left > 0; ) {
      const cameraId = options.camera === undefined ? null : cameraIdFrom(options.camera);
      const rows = reader.query({
        limit: Math.min(PAGE, left),
        ...(cameraId === null ? {} : { cameraId }),
        ...(options.verdict === undefined ? {} : { verdict: options.verdict }),
        ...(options.since === undefined ? {} : { since: options.since }),
        ...(options.until === undefined ? {} : { until: options.until }),
        ...(before === undefined ? {} : { before }),
      });
      yield rows.map((row) => resultJson(row, false));
      left -= rows.length;
      before = rows.at(-1)?.ledgerSeq;
      if (rows.length < PAGE || before === undefined) return;
    }
  } finally {
    reader.close();
  }
}

async function* pagesOverHttp(api: HttpApi, options: ResultsOptions): AsyncGenerator<ResultJson[]> {
  let before: number | null = null;
  for (let left = options.limit; left > 0; ) {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, left)) });
    if (options.camera !== undefined) query.set('camera', options.camera);
    if (options.verdict !== undefined) query.set('verdict', options.verdict);
    if (options.since !== undefined) query.set('since', new Date(options.since).toISOString());
    if (options.until !== undefined) query.set('until', new Date(options.until).toISOString());
    if (before !== null) query.set('before', String(before));
    const page: ResultsPage = await api.ask('GET', `/api/v1/results?${query.toString()}`);
    yield page.results;
    left -= page.results.length;
    before = page.next;
    if (before === null) return;
  }
}

interface ResultsPage {
  readonly results: ResultJson[];
  readonly next: number | null;
}

async function print(pages: AsyncGenerator<ResultJson[]>, format: ResultsOptions['format']): Promise<void> {
  if (format === 'table') {
    const table = new CliTable({
      head: ['received', 'camera', 'frame', 'verdict', 'probability', 'reason', 'model', 'on', 'ms'],
      style: { head: [], border: [] },
    });
    for await (const page of pages) for (const line of page.map(lineOf)) table.push(cells(line));
    process.stdout.write(`${table.toString()}\n`);
    return;
  }
  let isFirst = true;
  for await (const page of pages) {
    const lines = page.map(lineOf);
    const text =
      format === 'csv'
        ? stringify(lines, { header: isFirst, columns: COLUMNS, cast: { boolean: String }, escape_formulas: true })
        : lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    isFirst = false;
    if (!(await written(text))) return;
  }
}

/** False where nobody reads any longer. */
async function written(text: string): Promise<boolean> {
  const { stdout } = process;
  if (!stdout.destroyed && !stdout.write(text)) {
    await new Promise<void>((resolve) => {
      const settle = () => {
        stdout.off('drain', settle).off('close', settle);
        resolve();
      };
      stdout.once('drain', settle).once('close', settle);
    });
  }
  return !stdout.destroyed;
}

function lineOf(result: ResultJson): Line {
  return {
    ledger_seq: result.ledgerSeq,
    result_id: result.resultId,
    camera: result.cameraId,
    frame_id: result.frameId,
    verdict: result.verdict,
    reason: result.reason,
    probability: result.defectProbability,
    disposition: result.disposition,
    recipe: result.recipeId,
    model: result.model === null ? null : `${result.model.name}/${result.model.version}`,
    provider: result.model?.provider ?? null,
    part_id: result.partId,
    sequence: result.sequence,
    received_at: result.receivedAt,
    total_ms: Math.round(result.timing.totalMs * 100) / 100,
    image_sha256: result.image.sha256,
    image_path: result.image.path,
    simulated: result.isSimulated,
  };
}

const COLUMNS: readonly (keyof Line)[] = [
  'ledger_seq',
  'result_id',
  'camera',
  'frame_id',
  'verdict',
  'reason',
  'probability',
  'disposition',
  'recipe',
  'model',
  'provider',
  'part_id',
  'sequence',
  'received_at',
  'total_ms',
  'image_sha256',
  'image_path',
  'simulated',
];

function cells(line: Line): string[] {
  const probability = line.probability === null ? '' : line.probability.toFixed(4);
  const { received_at: at, camera, frame_id: frame, verdict, reason, model, provider } = line;
  return [
    at ?? '',
    camera,
    frame,
    verdict,
    probability,
    reason ?? '',
    model ?? '',
    provider ?? '',
    String(line.total_ms),
  ];
}
