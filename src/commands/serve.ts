/** `loupe serve`: runs the service until it is told to end. */

import type { Command } from 'commander';
import { addConfigOptions, configFrom, type ConfigOptions } from './options.ts';

export function registerServe(program: Command): void {
  addConfigOptions(program.command('serve').description('run the inspection service'))
    .option('--json', 'print one line of JSON with the addresses when ready, instead of text')
    .action(async (options: ConfigOptions & { json?: boolean }) => {
      const config = await configFrom(options);
      // Loaded when asked for: engines, brokers and codecs take a second that `--help` need not wait.
      const { startService, banner, readyLine, untilTold } = await import('./serve/running-service.ts');
      const { service, addresses, log } = await startService(config);
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(readyLine(service, addresses))}\n`
          : banner(config, service, addresses),
      );
      // At a terminal it means that the terminal is gone, and the service goes with it.
      if (!process.stdin.isTTY) process.on('SIGHUP', () => void service.reloadCertificates());
      await untilTold(log);
      await service.stop();
    });
}
