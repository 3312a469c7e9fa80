/** `loupe bench`: what the service costs beside a bare loop of sharp and onnxruntime, as ratios, in one run on one machine. */

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { VERSION } from '../version.ts';
import { registerBenchSearch } from './bench-search.ts';
import { CommandError, EXIT } from './exit.ts';
import { numberIn } from './options.ts';

interface BenchOptions {
  readonly short?: boolean;
  readonly json?: boolean;
  readonly peers?: boolean;
  readonly model?: 'resnet' | 'mobile';
  readonly picture?: '300x300' | '1280x1024';
  readonly road?: 'grpc' | 'grpc_stream' | 'mqtt';
  readonly rounds?: number;
  readonly seconds?: number;
}

export function registerBench(program: Command): void {
  const bench = program
    .command('bench')
    .description('measure the service beside a bare loop of sharp and onnxruntime (CPU, Linux)')
    .option('--short', 'one model, one picture size, a minute and a half')
    .option('--json', 'print one line of JSON')
    .option(
      '--peers',
      'measure a plain FastAPI service as well (needs python3; installs it from PyPI into a temporary folder)',
    )
    .addOption(new Option('--model <name>', 'only this model').choices(['resnet', 'mobile']))
    .addOption(new Option('--picture <size>', 'only this picture size').choices(['300x300', '1280x1024']))
    .addOption(new Option('--road <road>', 'only this road').choices(['grpc', 'grpc_stream', 'mqtt']))
    .option('--rounds <n>', 'how often each is measured in turn', numberIn(1, 100, true))
    .option('--seconds <n>', 'seconds of each measurement', numberIn(0.1, 600))
    .action(async (options: BenchOptions) => {
      if (process.platform !== 'linux') {
        throw new CommandError(EXIT.unavailable, 'the bench reads CPU times from /proc, which only Linux has');
      }
      // Loaded when asked for, as in `serve`.
      const { FULL_PLAN, runBench, SHORT_PLAN } = await import('../bench/run.ts');
      const { WrongAnswersError } = await import('../bench/measure.ts');
      const { peerPython } = await import('../bench/peer-python.ts');
      const { reportOf } = await import('../bench/report.ts');
      const { textOf } = await import('../bench/report-text.ts');
      const base = options.short === true ? SHORT_PLAN : FULL_PLAN;
      const plan = {
        networks: options.model === undefined ? base.networks : [options.model],
        pictures: options.picture === undefined ? base.pictures : [options.picture],
        roads: options.road === undefined ? base.roads : [options.road],
        warmUpSeconds: base.warmUpSeconds,
        rounds: options.rounds ?? base.rounds,
        seconds: options.seconds ?? base.seconds,
        loadSeconds: options.seconds === undefined ? base.loadSeconds : 4 * options.seconds,
      };
      const folder = await mkdtemp(path.join(tmpdir(), 'loupe-bench-'));
      try {
        const progress = (text: string) => process.stderr.write(`${text}\n`);
        const python = options.peers === true ? await peerPython(folder) : null;
        const report = reportOf(await runBench(plan, { folder, python, progress }));
        const all = { schema: 'loupe.bench/1', version: VERSION, machine: machine(), plan, ...report };
        process.stdout.write(options.json === true ? `${JSON.stringify(all)}\n` : textOf(report));
      } catch (error) {
        throw error instanceof WrongAnswersError ? new CommandError(EXIT.failed, error.message) : error;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  registerBenchSearch(bench);
}

function machine(): object {
  const found = cpus();
  return { cpu: found[0]?.model ?? 'unknown', cores: found.length, node: process.version };
}
