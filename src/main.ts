/** The command line. Thin: each command lives in its own file. */

import { Command, CommanderError } from 'commander';
import { registerBackup, registerRestore } from './commands/backup.ts';
import { registerBench } from './commands/bench.ts';
import { registerConfig } from './commands/config.ts';
import { registerCuts } from './commands/cuts.ts';
import { registerDataset } from './commands/dataset.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDrift } from './commands/drift.ts';
import { registerEvaluate } from './commands/evaluate.ts';
import { CommandError, EXIT } from './commands/exit.ts';
import { registerHeatMap } from './commands/heatmap.ts';
import { registerModels } from './commands/models.ts';
import { registerProof } from './commands/proof.ts';
import { registerReplay } from './commands/replay.ts';
import { registerReviews } from './commands/reviews.ts';
import { registerResults } from './commands/results.ts';
import { registerSend } from './commands/send.ts';
import { registerServe } from './commands/serve.ts';
import { registerTeach } from './commands/teach.ts';
import { registerUsers } from './commands/users.ts';
import { registerVerify } from './commands/verify.ts';
import { VERSION } from './version.ts';

/** Every command with its options; nothing is run. */
export function commandLine(): Command {
  const program = new Command('loupe')
    .description('Visual inspection at the edge of the line: frames in over gRPC and MQTT, a verdict per part out.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)');
  registerServe(program);
  registerDemo(program);
  registerSend(program);
  registerResults(program);
  registerReviews(program);
  registerReplay(program);
  registerProof(program);
  registerDrift(program);
  registerHeatMap(program);
  registerUsers(program);
  registerVerify(program);
  registerBackup(program);
  registerRestore(program);
  registerDoctor(program);
  registerBench(program);
  registerConfig(program);
  registerDataset(program);
  registerEvaluate(program);
  registerTeach(program);
  registerModels(program);
  registerCuts(program);
  return program;
}

/** Runs one command and sets the exit status of the process: 0 only on success. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) must end neither a service nor a command with a stack trace.
  process.stdout.on('error', () => undefined);
  try {
    await commandLine().parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // Commander has written its own message (or the help that was asked for) by now.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof CommandError) {
    if (error.message !== '') process.stderr.write(`loupe: ${error.message}\n`);
    return error.status;
  }
  if (isOfLedger(error)) {
    process.stderr.write(`loupe: ledger.db: ${error.message} (${error.code})\n`);
    return EXIT.failed;
  }
  if (isOfSystem(error)) {
    process.stderr.write(`loupe: ${error.message}\n`);
    return EXIT.failed;
  }
  process.stderr.write(`loupe: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.software;
}

/** A file, a folder or a disk that is not as it should be: the message says which, and no stack says more. */
function isOfSystem(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

/** SQLite's words for a ledger, a folder or a disk that is not as it should be; its others are a bug's. */
const OF_LEDGER = /^SQLITE_(?:READONLY|CANTOPEN|PERM|BUSY|FULL|IOERR|CORRUPT|NOTADB)/;

function isOfLedger(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && OF_LEDGER.test(error.code);
}
