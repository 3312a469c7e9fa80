/** Options that several commands share, read the same way everywhere. */

import { type Command, InvalidArgumentError } from 'commander';
import { ConfigError, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { CommandError, EXIT } from './exit.ts';
import { addTlsOptions, type TlsOptions } from './tls-options.ts';

export interface ConfigOptions {
  readonly config?: string;
  readonly set: readonly string[];
}

export function addConfigOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (default: loupe.yaml where there is one)')
    .option('--set <path=value>', 'set one key, for example grpc.listen=127.0.0.1:6000 (may be repeated)', collect, []);
}

export async function configFrom(options: ConfigOptions): Promise<Config> {
  try {
    return await loadConfig({ file: options.config ?? null, env: process.env, sets: options.set });
  } catch (error) {
    throw error instanceof ConfigError ? new CommandError(EXIT.config, error.message) : error;
  }
}

export interface ServiceOptions extends TlsOptions {
  readonly http?: string;
  readonly token?: string;
  readonly user?: string;
}

/** @param url where it is when nothing is said; undefined: nowhere */
export function addServiceOptions(command: Command, url?: string): Command {
  const withUrl = command
    .option('--http <url>', 'a running service, for example http://127.0.0.1:8080', httpUrlFrom, url)
    .option('--token <token>', 'bearer token for --http (default: LOUPE_TOKEN of the environment)')
    .option('--user <name>', 'sign in for --http instead; the password is asked for, or read from standard input');
  return addTlsOptions(withUrl);
}

function httpUrlFrom(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('expected a URL such as http://127.0.0.1:8080');
}

export interface WhereOptions extends ConfigOptions, ServiceOptions {
  readonly models?: string;
  readonly store?: string;
  readonly json?: boolean;
}

/** A running service, or the folders of one that does not run. */
export function addWhereOptions(command: Command): Command {
  return addPlaceOptions(command).option(
    '--models <dir>',
    'folder of the model packages (default: models.path of the configuration)',
  );
}

/** A running service, or the store of one that does not run. */
export function addPlaceOptions(command: Command): Command {
  return addServiceOptions(addConfigOptions(command))
    .option('--store <dir>', 'store folder of the service (default: store.path of the configuration)')
    .option('--json', 'print one line of JSON');
}

/** The environment of this process, for what is no configuration. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** A commander parser for numbers from `least` to `most`. */
export function numberIn(least: number, most: number, isWhole = false): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most) || (isWhole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`expected a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`);
    }
    return value;
  };
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

const AGO = /^(\d+)\s*([smhd])$/;
const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A point in time, or how long ago, as milliseconds since 1970. */
export function timeFrom(text: string): number {
  const ago = AGO.exec(text.trim());
  if (ago !== null) return Date.now() - Number(ago[1]) * UNIT_MS[ago[2] as keyof typeof UNIT_MS];
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new InvalidArgumentError('expected a time such as 2026-11-24T06:00:00Z, or 15m, 8h, 2d');
  return time;
}
