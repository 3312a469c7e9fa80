/** Reads the files a configuration points to, before anything listens. */

import { readFile } from 'node:fs/promises';
import type { Right } from '../frame/people.ts';
import type { ServerTls } from '../server-tls.ts';
import { ConfigError, type ConfigFault } from './load.ts';
import type { Config } from './schema.ts';
import { readTlsFiles, TlsFileError, type TlsFiles, type TlsPaths } from './tls-files.ts';

export interface Credential {
  readonly name: string;
  readonly token: string;
  readonly rights: readonly Right[];
}

export interface Secrets {
  readonly grpcTls: ServerTls | null;
  readonly httpTls: ServerTls | null;
  readonly embeddedTls: ServerTls | null;
  readonly credentials: readonly Credential[];
  readonly broker: { readonly password: string | null } & TlsFiles;
}

/** @throws ConfigError naming every file that cannot be read and every token that is too short, or does not say which rights it has */
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
  const readTls = async (path: string, paths: TlsPaths, names: Readonly<Record<keyof TlsPaths, string>>) => {
    try {
      return await readTlsFiles(paths);
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error;
      faults.push(...error.faults.map(({ file, message }) => ({ path: `${path}.${names[file]}`, message })));
      return { cert: null, key: null, ca: null, refused: new Set<string>() };
    }
  };
  const readServerTls = async (path: string, tls: Config['grpc']['tls']): Promise<ServerTls | null> => {
    if (tls === null) return null;
    const names = { cert: 'cert_file', key: 'key_file', ca: 'client_ca_file', refused: 'client_refused_file' };
    return serverTls(await readTls(path, serverPaths(tls), names));
  };
  const credentials: Credential[] = [];
  for (const [i, entry] of config.auth.tokens.entries()) {
    const path = `auth.tokens.${i}.token_file`;
    const token = entry.token ?? (await read(path, entry.token_file))?.toString('utf8').trim() ?? '';
    if (entry.token === null && token.length < 16) {
      faults.push({ path, message: `expected at least 16 characters, found ${token.length}` });
    }
    const twin = credentials.find((one) => one.token === token && rightsText(one) !== rightsText(entry));
    if (twin !== undefined && token !== '') {
      const message = `"${entry.name}" has the secret of "${twin.name}", and other rights: whose they are cannot be told`;
      faults.push({ path: `auth.tokens.${i}`, message });
    }
    credentials.push({ name: entry.name, token, rights: entry.rights });
  }
  const { mqtt } = config;
  const secrets: Secrets = {
    grpcTls: await readServerTls('grpc.tls', config.grpc.tls),
    httpTls: await readServerTls('http.tls', config.http.tls),
    embeddedTls: await readServerTls('mqtt.embedded.tls', mqtt.embedded.tls),
    credentials,
    broker: {
      password: (await read('mqtt.password_file', mqtt.password_file))?.toString('utf8').trim() ?? null,
      ...(await readTls('mqtt', brokerPaths(config), {
        cert: 'cert_file',
        key: 'key_file',
        ca: 'ca_file',
        refused: '',
      })),
    },
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return secrets;
}

const rightsText = ({ rights }: Pick<Credential, 'rights'>) => [...rights].sort().join();

export function serverPaths(tls: NonNullable<Config['grpc']['tls']>): TlsPaths {
  return { cert: tls.cert_file, key: tls.key_file, ca: tls.client_ca_file, refused: tls.client_refused_file };
}

export function brokerPaths({ mqtt }: Config): TlsPaths {
  return { cert: mqtt.cert_file, key: mqtt.key_file, ca: mqtt.ca_file, refused: null };
}

/** What a server needs, or null where it has no pair. */
export function serverTls({ cert, key, ca, refused }: TlsFiles): ServerTls | null {
  return cert === null || key === null ? null : { cert, key, clientCa: ca, refused };
}
