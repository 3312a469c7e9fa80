/** `loupe backup` and `loupe restore`: a store in one file, and back. */

import type { Command } from 'commander';
import { CommandError, EXIT } from './exit.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export function registerBackup(program: Command): void {
  program
    .command('backup')
    .description('write a whole store to one file, a tar, beside the running service')
    .requiredOption('--store <dir>', 'the store folder, in use or not')
    .requiredOption('--to <file>', 'the file to write; must not exist')
    .option('--json', 'print one line of JSON')
    .action(async (options: { store: string; to: string; json?: boolean }) => {
      const { backUp } = await import('../record/backup.ts');
      const report = await explained(untilInterrupted((signal) => backUp(options.store, options.to, { signal })));
      const { rows, images, bytes, removedMeanwhile, missing } = report;
      const text = `${options.to}: ${rows} rows, ${images} images, ${bytes} bytes; retention took ${removedMeanwhile} images meanwhile\n`;
      process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : text);
      if (missing === 0) return;
      throw new CommandError(
        EXIT.failed,
        `${missing} images are missing in the store itself; everything else is in the file. loupe verify names them`,
      );
    });
}

export function registerRestore(program: Command): void {
  program
    .command('restore')
    .description('make a store from a backup, and verify it')
    .requiredOption('--from <file>', 'a file that loupe backup wrote')
    .requiredOption('--store <dir>', 'the folder to make; must be empty or not exist')
    .option('--json', 'print one line of JSON')
    .action(async (options: { from: string; store: string; json?: boolean }) => {
      const { restore } = await import('../record/restore.ts');
      const { verifyStore } = await import('../record/verify.ts');
      const { images } = await explained(restore(options.from, options.store));
      const { ok, rows, chainHash, problems, findings } = await explained(verifyStore(options.store));
      const report = { store: options.store, ok, rows, images, chainHash, problems, findings };
      const text = `${options.store}: ${rows} rows, ${images} images, ${ok ? 'whole' : 'NOT WHOLE'}; the chain ends in ${chainHash}\n`;
      process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : text);
      if (!ok) throw new CommandError(EXIT.failed, `${problems} problems found; loupe verify names them`);
    });
}

/** A first SIGINT or SIGTERM gives the work up, which then takes away what it has begun. A second one ends it at once. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const giving = new AbortController();
  const giveUp = (name: NodeJS.Signals) =>
    giving.abort(new CommandError(EXIT.failed, `given up at ${name}; no file is left`));
  for (const name of SIGNALS) process.once(name, giveUp);
  try {
    return await work(giving.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, giveUp);
  }
}

/** What the user can mend, in words; a bug keeps its stack. */
async function explained<T>(work: Promise<T>): Promise<T> {
  const { StoreRefusedError } = await import('../record/database.ts');
  try {
    return await work;
  } catch (error) {
    const isOfDisk = error instanceof Error && 'code' in error && 'syscall' in error;
    if (!(error instanceof StoreRefusedError) && !isOfDisk) throw error;
    throw new CommandError(EXIT.failed, error.message, { cause: error });
  }
}
