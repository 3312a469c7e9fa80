/** Everything `loupe replay` does, from store to report. */

import type { WantedProvider } from '../../engine/pool.ts';
import { cameraIdFrom } from '../../frame/identifiers.ts';
import type { RecordedResult, Verdict } from '../../frame/verdict.ts';
import { type ModelPackage, loadModelPackage } from '../../model-repository/package.ts';
import { Packages } from '../../proving/packages.ts';
import { type Candidate, ModelRefusedError, replay, type ReplayPorts } from '../../proving/replay.ts';
import type { ResultsQuery } from '../../record/contract.ts';
import { StoreReader } from '../../record/store-reader.ts';
import { CommandError, EXIT } from '../exit.ts';
import { cutsOf, inOneForm, packageOf } from '../named-package.ts';
import { OfflineEngines, READ_AHEAD } from '../offline-engines.ts';
import type { Progress } from '../progress.ts';
import { type ReplayReport, Tally } from './report.ts';

export interface ReplayOptions {
  readonly store: string;
  readonly model?: string;
  readonly passBelow?: number;
  readonly failAbove?: number;
  readonly result?: string;
  readonly camera?: string;
  readonly part?: string;
  readonly job?: string;
  readonly verdict?: Verdict;
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  readonly provider: WantedProvider;
}

const PAGE_ROWS = 500;

export async function runReplay(options: ReplayOptions, modelsRoot: string, bar: Progress): Promise<ReplayReport> {
  const candidate = await candidateOf(options, modelsRoot);
  const reader = new StoreReader(options.store);
  // One package object per model, so that its engines are known again.
  const packages = new Packages((name, version) => loadModelPackage(modelsRoot, name, version));
  const bench = new Bench(options.provider);
  const ports: ReplayPorts = {
    store: { path: options.store, fateOf: async (ledgerSeq) => reader.fateOf(ledgerSeq) },
    packageOf: (model) => packages.get(model),
    score: async (found, image, roi) => (await bench.enginesOf(found)).score(image, roi),
  };
  const tally = new Tally(options.store, candidate);
  try {
    bar.start(Math.min(options.limit ?? Number.POSITIVE_INFINITY, reader.lastLedgerSeq()));
    for (const rows of pagesOf(reader, options)) {
      // One model at a time: engines of another need the memory and the cores.
      for (const group of byModel(rows)) {
        await inParallel(group, async (row) => {
          tally.add(row, await replay(row, ports, candidate));
          bar.update(tally.rows);
        });
      }
    }
    return tally.report();
  } finally {
    await bench.stop();
    reader.close();
  }
}

async function candidateOf(options: ReplayOptions, modelsRoot: string): Promise<Candidate | null> {
  if (options.model === undefined) {
    if (options.passBelow === undefined && options.failAbove === undefined) return null;
    throw new CommandError(
      EXIT.usage,
      '--pass-below and --fail-above belong to --model: recorded rows keep their cuts',
    );
  }
  const found = await packageOf(options.model, modelsRoot);
  return { package: inOneForm(found, null), cuts: cutsOf(options, found) };
}

function* pagesOf(reader: StoreReader, options: ReplayOptions): Generator<readonly RecordedResult[]> {
  if (options.result !== undefined) {
    const row = reader.get(options.result);
    if (row === null) throw new CommandError(EXIT.failed, `no result "${options.result}" in ${options.store}`);
    return yield [row];
  }
  const filter = filterOf(options);
  let before: number | null = null;
  for (let left = options.limit ?? Number.POSITIVE_INFINITY; left > 0; ) {
    const paging = before === null ? {} : { before };
    const page = reader.search({ ...filter, ...paging, limit: Math.min(PAGE_ROWS, left) });
    yield page.rows;
    left -= page.rows.length;
    before = page.next;
    if (before === null) return;
  }
}

function filterOf(options: ReplayOptions): Omit<ResultsQuery, 'limit'> {
  const { camera, part, job, verdict, since, until } = options;
  const cameraId = camera === undefined ? null : cameraIdFrom(camera);
  if (camera !== undefined && cameraId === null) {
    throw new CommandError(EXIT.usage, `"${camera}" can be no camera id`);
  }
  return {
    ...(cameraId === null ? {} : { cameraId }),
    ...(part === undefined ? {} : { partId: part }),
    ...(job === undefined ? {} : { jobId: job }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

/** The engines of the model that is asked for now; those of the one before end. */
class Bench {
  private readonly provider: WantedProvider;
  private file: string | null = null;
  private engines: Promise<OfflineEngines> | null = null;

  constructor(provider: WantedProvider) {
    this.provider = provider;
  }

  /** @throws ModelRefusedError when the model cannot be run here */
  async enginesOf(found: ModelPackage): Promise<OfflineEngines> {
    const file = found.engineModel.files[0]?.file ?? null;
    if (this.file !== file) {
      const before = this.engines;
      this.file = file;
      this.engines = (async () => {
        await before?.then((engines) => engines.stop()).catch(() => undefined);
        return OfflineEngines.start(found, this.provider);
      })();
    }
    try {
      return await (this.engines ?? Promise.reject(new Error('no engines')));
    } catch (error) {
      throw error instanceof CommandError ? new ModelRefusedError(error.message, { cause: error }) : error;
    }
  }

  async stop(): Promise<void> {
    await this.engines?.then((engines) => engines.stop()).catch(() => undefined);
  }
}

function byModel(rows: readonly RecordedResult[]): readonly (readonly RecordedResult[])[] {
  const groups = new Map<string, RecordedResult[]>();
  for (const row of rows) {
    const key = row.model === null ? '' : `${row.model.name}/${row.model.version}/${row.model.variant ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) {
      const item = items[i];
      if (item !== undefined) await work(item);
    }
  };
  await Promise.all(Array.from({ length: READ_AHEAD }, worker));
}
