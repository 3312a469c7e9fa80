/** `loupe bench search`: how quickly a ledger of very many rows answers. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import type { Timing } from '../bench/search/run-search.ts';
import { CommandError, EXIT } from './exit.ts';
import { numberIn } from './options.ts';

interface SearchOptions {
  readonly rows: number;
  readonly times: number;
  readonly folder: string;
  readonly json?: boolean;
}

/** What every kind of search must keep, at the 95th percentile. */
const LIMIT_MS = 100;

export function registerBenchSearch(bench: Command): void {
  bench
    .command('search')
    .description(
      `make a store of very many rows, ask it every kind of question; fails where a p95 is over ${LIMIT_MS} ms`,
    )
    .option('--rows <n>', 'rows of the store, about 750 bytes each', numberIn(1000, 1_000_000_000, true), 10_000_000)
    .option('--times <n>', 'how often each question is asked', numberIn(10, 100_000, true), 200)
    .option('--folder <dir>', 'where the store is made, and removed again', tmpdir())
    .option('--json', 'print one line of JSON')
    .action(async ({ rows, times, folder, json }: SearchOptions) => {
      const { makeStore } = await import('../bench/search/made-store.ts');
      const { askAll } = await import('../bench/search/run-search.ts');
      const store = await mkdtemp(path.join(folder, 'loupe-search-'));
      const tell = (text: string) => process.stderr.write(`${text}\n`);
      try {
        const making = makeStore(store, rows, (made) => tell(`${made} of ${rows} rows`));
        const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
        tell(
          `rows ${seconds(making.rowsMs)}, indexes ${seconds(making.indexMs)}, counts of Quality ${seconds(making.tallyMs)} (computing ${seconds(making.tallyCpuMs)})`,
        );
        const timings = await askAll(store, rows, times, (timing) => tell(lineOf(timing)));
        const late = timings.filter(({ p95Ms }) => p95Ms > LIMIT_MS).map(({ kind }) => kind);
        const report = { schema: 'loupe.bench-search/1', rows, times, limitMs: LIMIT_MS, ...making, timings, late };
        if (json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
        else process.stdout.write(`${rows} rows, ${times} times each\n${timings.map(lineOf).join('\n')}\n`);
        if (late.length > 0) {
          throw new CommandError(EXIT.failed, `over ${LIMIT_MS} ms at the 95th percentile: ${late.join(', ')}`);
        }
      } finally {
        await rm(store, { recursive: true, force: true });
      }
    });
}

function lineOf(timing: Timing): string {
  const ms = (value: number) => value.toFixed(1).padStart(9);
  const { kind, p50Ms, p95Ms, maxMs, cpuP95Ms, rows } = timing;
  return `${kind.padEnd(30)} p50 ${ms(p50Ms)} ms   p95 ${ms(p95Ms)} ms   max ${ms(maxMs)} ms   p95 of CPU ${ms(cpuP95Ms)} ms   ${rows.toFixed(0)} rows`;
}
