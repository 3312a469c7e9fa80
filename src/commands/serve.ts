/** `loupe serve`: runs the service until it is told to end. */

import type { Command } from 'commander';
import { addConfigOptions, configFrom, type ConfigOptions, environment } from './options.ts';
import type { Service } from '../service.ts';
import { endInTime } from './serve/end-in-time.ts';
import { listenForEnd } from './serve/end-signals.ts';
import { openSystemd } from './serve/systemd.ts';

export function registerServe(program: Command): void {
  addConfigOptions(program.command('serve').description('run the inspection service'))
    .option('--json', 'print one line of JSON with the addresses when ready, instead of text')
    .action(async (options: ConfigOptions & { json?: boolean }) => {
      const config = await configFrom(options);
      const signals = listenForEnd();
      let running: Service | null = null;
      // At a terminal it means that the terminal is gone, and the service goes with it. While it starts there is nothing to renew yet.
      if (!process.stdin.isTTY) process.on('SIGHUP', () => void running?.reloadCertificates());
      const systemd = openSystemd(environment(), process.pid);
      // Loaded when asked for: engines, brokers and codecs take a second that `--help` need not wait.
      const { startService, banner, readyLine } = await import('./serve/running-service.ts');
      const { service, addresses, log } = await startService(config);
      running = service;
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(readyLine(service, addresses))}\n`
          : banner(config, service, addresses),
      );
      systemd.ready(service, log);
      await signals.untilTold(log);
      endInTime(config.shutdown_ms, service, log);
      systemd.stopping();
      await service.stop();
      await systemd.close();
    });
}
