/** `loupe doctor`: what works here, what does not, and what to do about it. */

import type { Command } from 'commander';
import type { Check } from './doctor/check.ts';
import { checkClock, checkDisk, checkLedger, checkMemory, checkNode, checkSqlite } from './doctor/machine.ts';
import { checkSecrets } from './doctor/secrets.ts';
import { CommandError, EXIT } from './exit.ts';
import { addConfigOptions, configFrom, type ConfigOptions } from './options.ts';

const MARK = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const;

export function registerDoctor(program: Command): void {
  addConfigOptions(program.command('doctor').description('look at node, CUDA, models, broker, disk, ledger and clock'))
    .option('--json', 'print one line of JSON')
    .action(async (options: ConfigOptions & { json?: boolean }) => {
      const config = await configFrom(options);
      // Loaded when asked for: they take the engines and a client of MQTT with them, which no other command need wait for.
      const { checkCuda, checkModels } = await import('./doctor/models.ts');
      const { checkBroker, checkListening } = await import('./doctor/network.ts');
      const { check: secretsCheck, secrets } = await checkSecrets(config);
      const sqlite = checkSqlite();
      const checks: Check[] = [
        checkNode(),
        sqlite,
        checkMemory(),
        await checkClock(),
        await checkDisk(config.store.path, config.store.retention.min_free_bytes),
        ...(sqlite.status === 'fail' ? [] : [checkLedger(config.store.path)]),
        ...(await checkListening(config)),
        secretsCheck,
        ...(secrets === null ? [] : [await checkBroker(config, secrets.broker)]),
        await checkCuda(config.engine.provider),
        ...(await checkModels(config)),
      ];
      const failed = checks.filter((check) => check.status === 'fail').length;
      process.stdout.write(
        options.json === true ? `${JSON.stringify({ ok: failed === 0, checks })}\n` : checks.map(textOf).join(''),
      );
      if (failed > 0) throw new CommandError(EXIT.failed, `${failed} of ${checks.length} checks failed`);
    });
}

function textOf({ name, status, found, advice }: Check): string {
  return `${MARK[status]}  ${name}: ${found}\n${advice === null ? '' : `      -> ${advice}\n`}`;
}
