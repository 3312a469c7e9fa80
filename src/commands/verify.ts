/** `loupe verify`: proves that a store is whole. */

import cliProgress from 'cli-progress';
import type { Command } from 'commander';
import { StoreRefusedError } from '../record/database.ts';
import type { VerifyReport } from '../record/findings.ts';
import { verifyStore } from '../record/verify.ts';
import { CommandError, EXIT } from './exit.ts';

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description('check that a ledger balances, its hash chain is whole and every image is where its row says')
    .requiredOption('--store <dir>', 'the store folder, in use or a copy')
    .option('--json', 'print one line of JSON')
    .action(async (options: { store: string; json?: boolean }) => {
      const report = await verify(options.store, options.json !== true && process.stderr.isTTY);
      process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : textOf(options.store, report));
      if (!report.ok) throw new CommandError(EXIT.failed, `${report.problems} problems found`);
    });
}

async function verify(store: string, showsProgress: boolean): Promise<VerifyReport> {
  const bar = new cliProgress.SingleBar({
    format: 'rows {bar} {value}/{total}',
    noTTYOutput: false,
    stream: process.stderr,
  });
  let isStarted = false;
  try {
    return await verifyStore(store, ({ rows, ofRows }) => {
      if (!showsProgress) return;
      if (!isStarted) bar.start(ofRows, 0);
      isStarted = true;
      bar.update(rows);
    });
  } catch (error) {
    throw error instanceof StoreRefusedError ? new CommandError(EXIT.failed, error.message, { cause: error }) : error;
  } finally {
    if (isStarted) bar.stop();
  }
}

function textOf(store: string, report: VerifyReport): string {
  const verdicts = Object.entries(report.verdicts).map(([verdict, rows]) => `${verdict} ${rows}`);
  const { images } = report;
  const lines = [
    `${store}: ${report.ok ? 'whole' : 'NOT WHOLE'}`,
    `  rows      ${report.rows} (${verdicts.join(', ') || 'none'}), the last is ${report.lastLedgerSeq}`,
    `  chain     ends in ${report.chainHash}`,
    `  images    ${images.checked} read and compared (${images.bytes} bytes), ${images.removed} removed by retention`,
    `  left over ${images.orphans} files without a row, ${images.temporary} unfinished (a crash leaves them; no fault)`,
    `  audit     ${report.audit.rows} acts of people, the chain ends in ${report.audit.chainHash}`,
    `  outbox    ${report.outbox} results wait for a broker`,
    ...report.findings.map(
      ({ kind, ledgerSeq, detail }) => `  FAULT ${kind}${ledgerSeq === null ? '' : ` at row ${ledgerSeq}`}: ${detail}`,
    ),
  ];
  if (report.problems > report.findings.length) lines.push(`  … and ${report.problems - report.findings.length} more`);
  return `${lines.join('\n')}\n`;
}
