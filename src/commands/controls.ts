/** Where `loupe models` and `loupe cuts` do their work: at a running service, or on the folders of one that does not run. */

import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { HttpCuts } from '../client/http-cuts.ts';
import { HttpModels } from '../client/http-models.ts';
import { ConfigError } from '../config/load.ts';
import { cudaProviderMissing } from '../engine/cuda.ts';
import type { CutsControl } from '../frame/cuts.ts';
import type { ModelControl } from '../frame/models.ts';
import { ModelLife } from '../wiring/model-life.ts';
import { ModelPackageError } from '../model-repository/package.ts';
import { lockStore, StoreRefusedError } from '../record/database.ts';
import { explained, withApi } from './asked-service.ts';
import { CommandError, EXIT } from './exit.ts';
import { configFrom, type WhereOptions } from './options.ts';

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
      refuseFolders(options);
      return await withApi(options, (api) =>
        work({ models: new HttpModels(api), cuts: new HttpCuts(api) }, userInfo().username),
      );
    }
    return await onFolders(options, need, work);
  } catch (error) {
    throw explain(error);
  }
}

/** A running service has its own. @throws CommandError where folders are named beside `--http` */
export function refuseFolders({ models, store }: WhereOptions): void {
  if (models === undefined && store === undefined) return;
  throw new CommandError(EXIT.usage, 'expected either --http, or --models and --store');
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
  if (error instanceof StoreRefusedError) {
    return new CommandError(EXIT.unavailable, `${error.message}; a running service is asked with --http URL`, {
      cause: error,
    });
  }
  if (error instanceof ModelPackageError) return new CommandError(EXIT.failed, error.message, { cause: error });
  if (error instanceof ConfigError) return new CommandError(EXIT.config, error.message, { cause: error });
  return explained(error);
}
