/** `loupe serve`: runs the service until it is told to end. */

import type { Command } from 'commander';
import { addConfigOptions, configFrom, type ConfigOptions, environment } from './options.ts';
import { openSystemd } from './serve/systemd.ts';

export function registerServe(program: Command): void {
  addConfigOptions(program.command('serve').description('run the inspection service'))
    .option('--json', 'print one line of JSON with the addresses when ready, instead of text')
    .action(async (options: ConfigOptions & { json?: boolean }) => {
      const config = await configFrom(options);
      const systemd = openSystemd(environment(), process.pid);
      // Loaded when asked for: engines, brokers and codecs take a second that `--help` need not wait.
      const { startService, banner, readyLine, untilTold } = await import('./serve/running-service.ts');
      const { service, addresses, log } = await startService(config);
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(readyLine(service, addresses))}\n`
          : banner(config, service, addresses),
      );
      systemd.ready(service, log);
      // At a terminal it means that the terminal is gone, and the service goes with it.
      if (!process.stdin.isTTY) process.on('SIGHUP', () => void service.reloadCertificates());
      await untilTold(log);
      systemd.stopping();
      await service.stop();
      await systemd.close();
    });
}
