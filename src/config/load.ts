/** File, then environment, then command line: one frozen configuration, or every fault at once. */

import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { type Config, configSchema } from './schema.ts';
import { checkWhole } from './whole.ts';

export interface ConfigFault {
  /** Dotted path of the key; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** A configuration that cannot be used, with all its faults. The process ends with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map((fault) => `  ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`);
    super(`the configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${lines.join('\n')}`);
    this.faults = faults;
  }
}

export const EXIT_CONFIG = 78;
export const DEFAULT_FILE = 'loupe.yaml';
const PREFIX = 'LOUPE_';
/** Of a value that is wrong. */
const MAX_SHOWN = 80;
/** Of the commands that are a client: in the same shell as the others, and no keys of the configuration. */
const OF_CLIENTS: ReadonlySet<string> = new Set(['LOUPE_TOKEN', 'LOUPE_MQTT_PASSWORD']);
const wholeSchema = configSchema.superRefine(checkWhole);

export interface ConfigSources {
  /** File that must exist; null takes `loupe.yaml` where there is one. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `path.to.key=value` of the command line; values are YAML. */
  readonly sets: readonly string[];
}

/** @throws ConfigError */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const faults: ConfigFault[] = [];
  const tree = await readTree(sources.file, faults);
  const variables = new Map<string, string>();
  for (const [key, text] of Object.entries(sources.env)) {
    if (!key.startsWith(PREFIX) || OF_CLIENTS.has(key) || text === undefined) continue;
    const keys = key.slice(PREFIX.length).toLowerCase().split('__');
    variables.set(keys.join('.'), key);
    place(tree, keys, text, key, faults);
  }
  for (const set of sources.sets) {
    const equals = set.indexOf('=');
    if (equals < 1) faults.push({ path: set, message: 'expected path.to.key=value' });
    else place(tree, set.slice(0, equals).split('.'), set.slice(equals + 1), set, faults);
  }
  const parsed = wholeSchema.safeParse(tree, { reportInput: true });
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap((issue) => faultsOf(issue, variables)));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(faults);
  return deepFreeze(parsed.data);
}

type Tree = Record<string, unknown>;

async function readTree(file: string | null, faults: ConfigFault[]): Promise<Tree> {
  let text: string;
  try {
    text = await readFile(file ?? DEFAULT_FILE, 'utf8');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    // One that is there and cannot be read holds what this station is: its defaults would be another one.
    if (file !== null || !isMissing)
      faults.push({ path: '', message: `cannot read ${file ?? DEFAULT_FILE}: ${(error as Error).message}` });
    return {};
  }
  try {
    const tree: unknown = parse(text) ?? {};
    if (isTree(tree)) return tree;
    faults.push({ path: '', message: 'expected a mapping of keys at the top of the file' });
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    faults.push({ path: '', message: `${file ?? DEFAULT_FILE} is no YAML: ${error.message.split('\n')[0]}` });
  }
  return {};
}

/** Sets one value by its path, making the mappings on the way. */
function place(tree: Tree, path: readonly string[], text: string, source: string, faults: ConfigFault[]): void {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    faults.push({ path: path.join('.'), message: `the value of ${source} is no YAML` });
    return;
  }
  let at: Tree = tree;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(at, key) ? at[key] : undefined;
    if (next !== undefined && !isTree(next)) {
      faults.push({ path: path.join('.'), message: `${source}: "${key}" is no mapping; set the whole of it instead` });
      return;
    }
    const child: Tree = next ?? {};
    Object.defineProperty(at, key, { value: child, enumerable: true, configurable: true, writable: true });
    at = child;
  }
  const last = path.at(-1) ?? '';
  Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param variables of the environment, by the path that each of them sets */
function faultsOf(issue: z.core.$ZodIssue, variables: ReadonlyMap<string, string>): ConfigFault[] {
  const path = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [{ path, message: `${issue.message}${whatCame(issue)}` }];
  return issue.keys.map((key) => {
    const unknown = path === '' ? key : `${path}.${key}`;
    const variable = variables.get(unknown);
    const from = variable === undefined ? '' : `, from ${variable} (two underscores between levels)`;
    return { path: unknown, message: `unknown key${from}; docs/configuration.md has all of them` };
  });
}

/** Rules over several keys say it themselves; what stands where a secret belongs is not shown. */
function whatCame({ path, input }: z.core.$ZodIssue): string {
  const isScalar = input === null || ['string', 'number', 'boolean'].includes(typeof input);
  if (!isScalar || (path[0] === 'auth' && path[1] === 'tokens')) return '';
  return `, got ${JSON.stringify(input).slice(0, MAX_SHOWN)}`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
