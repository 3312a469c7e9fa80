/** `loupe proof`: one sheet that proves what was decided about a part, for somebody who trusts nobody. */

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { CameraId } from '../frame/frame.ts';
import { cameraIdFrom } from '../frame/identifiers.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { StoreReader } from '../record/store-reader.ts';
import { VERSION } from '../version.ts';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions } from './options.ts';
import { expectPlaceFor } from './place.ts';

interface ProofOptions extends ConfigOptions {
  readonly store: string;
  readonly out: string;
  readonly models?: string;
  readonly camera?: string;
  /** Commander's `--no-verify`. */
  readonly verify: boolean;
}

/** A sheet is read by people. */
const MAX_RESULTS = 50;

export function registerProof(program: Command): void {
  addConfigOptions(
    program
      .command('proof')
      .description('write one HTML file that proves the results of a part, a frame or a result id'),
  )
    .argument('<id>', 'part id, frame id or result id')
    .requiredOption('--store <dir>', 'the store folder (beside a running service, or a copy); it is not changed')
    .requiredOption('--out <file>', 'the HTML file to write')
    .option('--models <dir>', 'folder of the model packages (default: models.path)')
    .option('--camera <id>', 'only results of this camera')
    .option('--no-verify', 'leave out the check of the whole ledger')
    .action(async (id: string, options: ProofOptions) => {
      const config = await configFrom(options);
      await expectPlaceFor('--out', options.out);
      const { StoreReader: Reader } = await import('../record/store-reader.ts');
      const { StoreRefusedError } = await import('../record/database.ts');
      try {
        const reader = new Reader(options.store);
        try {
          const results = resultsOf(reader, id, options);
          const html = await sheetOf(reader, results, options, options.models ?? config.models.path);
          await writeFile(options.out, html);
          process.stdout.write(`${options.out}: ${results.length} ${results.length === 1 ? 'result' : 'results'}\n`);
        } finally {
          reader.close();
        }
      } catch (error) {
        const isTheirs = error instanceof StoreRefusedError || (error instanceof Error && 'syscall' in error);
        throw isTheirs ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
      }
    });
}

/** What `id` names: one result, else a frame, else a part; oldest first. */
function resultsOf(reader: StoreReader, id: string, { store, camera }: ProofOptions): readonly RecordedResult[] {
  const cameraId = camera === undefined ? null : cameraIdFrom(camera);
  if (camera !== undefined && cameraId === null) {
    throw new CommandError(EXIT.usage, `"${camera}" can be no camera id`);
  }
  const result = reader.get(id);
  const named = result === null ? [...reader.byFrame(id), ...partOf(reader, id, cameraId)] : [result];
  const wanted = new Map(
    named.filter((row) => cameraId === null || row.cameraId === cameraId).map((row) => [row.resultId, row]),
  );
  const found = [...wanted.values()].sort((a, b) => a.ledgerSeq - b.ledgerSeq);
  const of = camera === undefined ? '' : ` of camera ${camera}`;
  if (found.length === 0) throw new CommandError(EXIT.failed, `no part, frame or result "${id}"${of} in ${store}`);
  if (found.length > MAX_RESULTS) {
    throw new CommandError(
      EXIT.failed,
      `${found.length} or more results of "${id}", a sheet holds ${MAX_RESULTS}: narrow it by --camera`,
    );
  }
  return found;
}

/** At most a few more than a sheet holds. */
function partOf(reader: StoreReader, partId: string, cameraId: CameraId | null): readonly RecordedResult[] {
  const camera = cameraId === null ? {} : { cameraId };
  return reader.search({ partId, ...camera, limit: MAX_RESULTS + 1 }).rows;
}

async function sheetOf(
  reader: StoreReader,
  results: readonly RecordedResult[],
  { store, verify }: ProofOptions,
  modelsRoot: string,
): Promise<string> {
  const { loadModelPackage } = await import('../model-repository/package.ts');
  const { ProvingDesk } = await import('../proving/desk.ts');
  const { proofSheet } = await import('../proving/proof-sheet.ts');
  const { verifyStore } = await import('../record/verify.ts');
  const desk = new ProvingDesk({
    store,
    ledger: {
      get: async (resultId) => reader.get(resultId),
      fateOf: async (ledgerSeq) => reader.fateOf(ledgerSeq),
      chainProof: async (resultId) => reader.chainProof(resultId),
      reviewsOf: async (resultId) => reader.reviewsOf(resultId),
    },
    loadPackage: (name, version) => loadModelPackage(modelsRoot, name, version),
    keepsHeatMaps: false,
    mayDecode: true,
    heatMapsPerMinute: 0,
    maxPixels: 1 << 28,
    startTimeoutMs: 120_000,
    onEvent: () => undefined,
  });
  try {
    const proofs = [];
    for (const { resultId } of results) proofs.push(await desk.proof(resultId));
    const verified = verify ? await verifyStore(store) : null;
    return proofSheet({ proofs, version: VERSION, madeAt: Date.now(), verified });
  } finally {
    desk.stop();
  }
}
