/** The certificates that a command shows and trusts. */

import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Command } from 'commander';
import type { ClientTls } from '../client/tls.ts';
import { messageOf } from '../errors.ts';
import { CommandError, EXIT } from './exit.ts';

export interface TlsOptions {
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export function addTlsOptions(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'use TLS; PEM of the authority that signed the server’s certificate')
    .option('--tls-cert <file>', 'client certificate, PEM, where the server asks for one')
    .option('--tls-key <file>', 'its private key, PEM');
}

/** @throws CommandError for a certificate without its key, and the other way round */
export function checkPair({ tlsCert, tlsKey }: TlsOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new CommandError(EXIT.usage, 'expected both --tls-cert and --tls-key, or neither');
  }
}

/** Null where nothing is said of TLS. @throws CommandError where the files cannot be used */
export async function tlsFrom(options: TlsOptions): Promise<ClientTls | null> {
  checkPair(options);
  const { tlsCa, tlsCert, tlsKey } = options;
  const [ca = null, cert, key] = await Promise.all([tlsCa, tlsCert, tlsKey].map(pemOf));
  if (ca === null && cert === undefined) return null;
  if (ca !== null && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CommandError(EXIT.usage, `--tls-ca: expected a certificate in PEM, got none in ${tlsCa}`);
  }
  const client = cert === undefined || key === undefined ? null : { cert, key };
  try {
    createSecureContext(client ?? {});
  } catch (error) {
    const message = `--tls-cert ${tlsCert} and --tls-key ${tlsKey} cannot be used: ${messageOf(error)}`;
    throw new CommandError(EXIT.usage, message, { cause: error });
  }
  return { ca, client };
}

async function pemOf(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(EXIT.usage, `expected a file in PEM: ${messageOf(error)}`, { cause: error });
  }
}
