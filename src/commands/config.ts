/** `loupe config`: what the configuration comes to, or its reference page. */

import type { Command } from 'commander';
import { stringify } from 'yaml';
import { configurationReference } from '../config/reference.ts';
import { addConfigOptions, configFrom, type ConfigOptions } from './options.ts';

export function registerConfig(program: Command): void {
  const command = program.command('config').description('check the configuration and print what it comes to');
  addConfigOptions(command)
    .option('--reference', 'print docs/configuration.md instead')
    .option('--json', 'print JSON')
    .action(async (options: ConfigOptions & { reference?: boolean; json?: boolean }) => {
      if (options.reference === true) {
        process.stdout.write(configurationReference());
        return;
      }
      const config = await configFrom(options);
      const shown = {
        ...config,
        auth: { ...config.auth, tokens: config.auth.tokens.map((t) => (t.token === null ? t : { ...t, token: '…' })) },
      };
      process.stdout.write(options.json === true ? `${JSON.stringify(shown)}\n` : stringify(shown));
    });
}
