/** Where `loupe models` and `loupe cuts` do their work: at a running service, or on the folders of one that does not run. */

import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { HttpApi } from '../client/http-api.ts';
import { HttpCuts } from '../client/http-cuts.ts';
import { HttpModels } from '../client/http-models.ts';
import { ConfigError } from '../config/load.ts';
import { cudaProviderMissing } from '../engine/cuda.ts';
import { LoupeError } from '../errors.ts';
import type { CutsControl } from '../frame/cuts.ts';
import type { ModelControl } from '../frame/models.ts';
import { ModelLife } from '../wiring/model-life.ts';
import { ModelPackageError } from '../model-repository/package.ts';
import { lockStore, StoreRefusedError } from '../record/database.ts';
import { CommandError, EXIT } from './exit.ts';
import { configFrom, type WhereOptions } from './options.ts';
import { type AskSecret, withSecrets } from './secret-input.ts';

export interface Controls {
  readonly models: ModelControl;
  readonly cuts: CutsControl;
}

/** @param need what the work does: `change` takes the store for itself, so that no service runs on it meanwhile */
export async function withControls<T>(
  options: WhereOptions,
  need: 'read' | 'add' | 'change',
  work: (controls: Controls, by: string) => Promise<T>,
): Promise<T> {
  try {
    if (options.http !== undefined) {
      return await withApi(options, (api) =>
        work({ models: new HttpModels(api), cuts: new HttpCuts(api) }, userInfo().username),
      );
    }
    return await onFolders(options, need, work);
  } catch (error) {
    throw explain(error);
  }
}

/**
 * At the running service of `--http`, as the person of `--user`.
 * @param ask for the password of `--user`; without it the terminal or standard input is asked
 */
export async function withApi<T>(
  options: WhereOptions,
  work: (api: HttpApi) => Promise<T>,
  ask?: AskSecret,
): Promise<T> {
  const { user } = options;
  if (user !== undefined && ask === undefined) return withSecrets((asked) => withApi(options, work, asked));
  try {
    const api = apiFrom(options, options.http ?? '');
    if (user !== undefined) await api.signIn(user, (await ask?.(`Password of ${user}`)) ?? '');
    try {
      return await work(api);
    } finally {
      await api.signOut();
    }
  } catch (error) {
    throw explain(error);
  }
}

function apiFrom({ models, store, token, user }: WhereOptions, url: string): HttpApi {
  if (token !== undefined && user !== undefined)
    throw new CommandError(EXIT.usage, 'expected either --token or --user');
  if (models !== undefined || store !== undefined) {
    throw new CommandError(EXIT.usage, 'expected either --http, or --models and --store');
  }
  if (!URL.canParse(url)) throw new CommandError(EXIT.usage, `--http: expected a URL, got "${url}"`);
  return new HttpApi({ url, token: token ?? null });
}

async function onFolders<T>(
  options: WhereOptions,
  need: 'read' | 'add' | 'change',
  work: (controls: Controls, by: string) => Promise<T>,
): Promise<T> {
  const folders = [
    ...(options.models === undefined ? [] : [`models.path=${JSON.stringify(options.models)}`]),
    ...(options.store === undefined ? [] : [`store.path=${JSON.stringify(options.store)}`]),
  ];
  const config = await configFrom({ ...options, set: [...options.set, ...folders] });
  const cudaMissing = config.engine.provider === 'cpu' ? null : await cudaProviderMissing();
  const { desk, cuts } = new ModelLife({
    config,
    cudaMissing,
    models: null,
    shadowed: () => [],
    onEvent: () => undefined,
  });
  const by = userInfo().username;
  if (need !== 'change') return work({ models: desk, cuts }, by);
  await mkdir(config.store.path, { recursive: true });
  const lock = lockStore(config.store.path);
  try {
    return await work({ models: desk, cuts }, by);
  } finally {
    lock.release();
  }
}

/** What a command says of an error. */
export function explain(error: unknown): unknown {
  if (error instanceof LoupeError) {
    const isElsewhere = error.code === 'store_unavailable' || error.code === 'shutting_down';
    return new CommandError(isElsewhere ? EXIT.unavailable : EXIT.failed, error.message, { cause: error });
  }
  if (error instanceof StoreRefusedError) {
    return new CommandError(EXIT.unavailable, `${error.message}; a running service is asked with --http URL`, {
      cause: error,
    });
  }
  if (error instanceof ModelPackageError) return new CommandError(EXIT.failed, error.message, { cause: error });
  if (error instanceof ConfigError) return new CommandError(EXIT.config, error.message, { cause: error });
  return error;
}
