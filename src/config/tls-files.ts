/** Certificates and keys as files: read, and proven to fit each other, before anything uses them. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { fingerprintsIn } from '../server-tls.ts';

export interface TlsPaths {
  readonly cert: string | null;
  readonly key: string | null;
  /** The authority that the other side must be signed by. */
  readonly ca: string | null;
  /** Fingerprints of client certificates that are refused all the same. */
  readonly refused: string | null;
}

/** PEM; null where no file is configured. */
export interface TlsFiles {
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
  readonly ca: Buffer | null;
  /** Fingerprints as `ServerTls` has them; none where no file is configured. */
  readonly refused: ReadonlySet<string>;
}

/** What is wrong with one of the files, by its key in the configuration. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
  readonly faults: readonly { readonly file: keyof TlsPaths; readonly message: string }[];

  constructor(faults: TlsFileError['faults']) {
    super(faults.map(({ message }) => message).join('; '));
    this.faults = faults;
  }
}

/** @throws TlsFileError naming every file that cannot be read, is no PEM, or does not fit the others */
export async function readTlsFiles(paths: TlsPaths): Promise<TlsFiles> {
  const faults: { file: keyof TlsPaths; message: string }[] = [];
  const read = async (file: keyof TlsPaths, prove: (content: Buffer) => unknown): Promise<Buffer | null> => {
    const path = paths[file];
    if (path === null) return null;
    try {
      const content = await readFile(path);
      prove(content);
      return content;
    } catch (error) {
      faults.push({ file, message: `cannot read ${path}: ${(error as Error).message}` });
      return null;
    }
  };
  const cert = await read('cert', (pem) => new X509Certificate(pem));
  const key = await read('key', (pem) => createPrivateKey(pem));
  const ca = await read('ca', (pem) => new X509Certificate(pem));
  let refused: ReadonlySet<string> = new Set();
  await read('refused', (content) => (refused = fingerprintsIn(content.toString('utf8'))));
  if (cert !== null && key !== null) {
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      const message = `${paths.key} is not the key of ${paths.cert}: ${(error as Error).message}`;
      faults.push({ file: 'key', message });
    }
  }
  if (faults.length > 0) throw new TlsFileError(faults);
  return { cert, key, ca, refused };
}

/** When the certificate ends, milliseconds since 1970. A chain ends with its first certificate to end. */
export function expiryOf(cert: Buffer): number {
  const pems = cert.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return Math.min(...pems.map((pem) => Date.parse(new X509Certificate(pem).validTo)));
}
