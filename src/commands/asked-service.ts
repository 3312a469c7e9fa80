/** A running service that a command asks over HTTP, with a token or as a person. */

import { HttpApi } from '../client/http-api.ts';
import { LoupeError } from '../errors.ts';
import { CommandError, EXIT } from './exit.ts';
import { environment, type ServiceOptions } from './options.ts';
import { type AskSecret, withSecrets } from './secret-input.ts';
import { tlsFrom } from './tls-options.ts';

/**
 * At the running service of `--http`, as the person of `--user`, else with the token.
 * @param ask for the password of `--user`; without it the terminal or standard input is asked
 * @throws CommandError with what the service said, or that none answers
 */
export async function withApi<T>(
  options: ServiceOptions,
  work: (api: HttpApi) => Promise<T>,
  ask?: AskSecret,
): Promise<T> {
  const { http = '', token, user } = options;
  if (token !== undefined && user !== undefined) {
    throw new CommandError(EXIT.usage, 'expected either --token or --user');
  }
  const tls = await tlsFrom(options);
  if (tls !== null && !http.startsWith('https:')) {
    throw new CommandError(EXIT.usage, `--tls-ca and --tls-cert go with https://HOST:PORT, got "${http}"`);
  }
  if (user !== undefined && ask === undefined) return withSecrets((asked) => withApi(options, work, asked));
  const bearer = token ?? environment()['LOUPE_TOKEN'] ?? null;
  const api = new HttpApi({ url: http, token: user === undefined ? bearer : null, tls });
  try {
    if (user !== undefined) await api.signIn(user, (await ask?.(`Password of ${user}`)) ?? '');
    try {
      return await work(api);
    } finally {
      await api.signOut();
    }
  } catch (error) {
    throw explained(error);
  }
}

/** What a command says of an error that has a code. */
export function explained(error: unknown): unknown {
  if (!(error instanceof LoupeError)) return error;
  const isElsewhere = error.code === 'store_unavailable' || error.code === 'shutting_down';
  return new CommandError(isElsewhere ? EXIT.unavailable : EXIT.failed, error.message, { cause: error });
}
