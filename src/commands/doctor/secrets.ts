/** The files that the configuration points to: tokens, passwords, keys and certificates. */

import { ConfigError } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { readSecrets, type Secrets } from '../../config/secrets.ts';
import { type Check, fail, ok } from './check.ts';

/** @returns the check, and what the files hold; null where the service would not start with them */
export async function checkSecrets(
  config: Config,
): Promise<{ readonly check: Check; readonly secrets: Secrets | null }> {
  try {
    const secrets = await readSecrets(config);
    return { check: ok('secrets', 'tokens, passwords, keys and certificates can be used'), secrets };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const found = error.faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return { check: fail('secrets', found, 'the user of the service must be able to read them'), secrets: null };
  }
}
