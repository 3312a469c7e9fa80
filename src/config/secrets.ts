/** Reads the files a configuration points to, before anything listens. */

import { readFile } from 'node:fs/promises';
import { ConfigError, type ConfigFault } from './load.ts';
import type { Config } from './schema.ts';

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | null;
}

export interface Credential {
  readonly name: string;
  readonly token: string;
  readonly rights: readonly ('ingest' | 'read' | 'review' | 'admin')[];
}

export interface Secrets {
  readonly grpcTls: TlsFiles | null;
  readonly httpTls: TlsFiles | null;
  readonly embeddedTls: TlsFiles | null;
  readonly credentials: readonly Credential[];
  readonly broker: {
    readonly password: string | null;
    readonly ca: Buffer | null;
    readonly cert: Buffer | null;
    readonly key: Buffer | null;
  };
}

/** @throws ConfigError naming every file that cannot be read and every token that is too short */
export async function readSecrets(config: Config): Promise<Secrets> {
  const faults: ConfigFault[] = [];
  const read = async (path: string, file: string | null): Promise<Buffer | null> => {
    if (file === null) return null;
    try {
      return await readFile(file);
    } catch (error) {
      faults.push({ path, message: `cannot read ${file}: ${(error as Error).message}` });
      return null;
    }
  };
  const readTls = async (path: string, tls: Config['grpc']['tls']): Promise<TlsFiles | null> => {
    if (tls === null) return null;
    const cert = await read(`${path}.cert_file`, tls.cert_file);
    const key = await read(`${path}.key_file`, tls.key_file);
    const clientCa = await read(`${path}.client_ca_file`, tls.client_ca_file);
    return cert === null || key === null ? null : { cert, key, clientCa };
  };
  const credentials: Credential[] = [];
  for (const [i, entry] of config.auth.tokens.entries()) {
    const path = `auth.tokens.${i}.token_file`;
    const token = entry.token ?? (await read(path, entry.token_file))?.toString('utf8').trim() ?? '';
    if (entry.token === null && token.length < 16) {
      faults.push({ path, message: `expected at least 16 characters, found ${token.length}` });
    }
    credentials.push({ name: entry.name, token, rights: entry.rights });
  }
  const { mqtt } = config;
  const secrets: Secrets = {
    grpcTls: await readTls('grpc.tls', config.grpc.tls),
    httpTls: await readTls('http.tls', config.http.tls),
    embeddedTls: await readTls('mqtt.embedded.tls', mqtt.embedded.tls),
    credentials,
    broker: {
      password: (await read('mqtt.password_file', mqtt.password_file))?.toString('utf8').trim() ?? null,
      ca: await read('mqtt.ca_file', mqtt.ca_file),
      cert: await read('mqtt.cert_file', mqtt.cert_file),
      key: await read('mqtt.key_file', mqtt.key_file),
    },
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return secrets;
}
