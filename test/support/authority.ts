/** A certificate authority for one test file, and what it signs. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

export interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class Authority {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'loupe-ca-'));
  readonly caFile: string;
  private made = 0;

  constructor(name = 'Test CA') {
    this.caFile = path.join(this.folder, 'ca.pem');
    this.openssl(`req -x509 ${NEW_KEY} -days 90 -keyout ca.key -out ca.pem`, `/CN=${name}`);
  }

  get ca(): Buffer {
    return readFileSync(this.caFile);
  }

  /** @param names of the extension subjectAltName; empty for none */
  sign(commonName: string, names: readonly string[] = [], days = 90): Pair {
    const stem = `c${++this.made}`;
    this.openssl(`req ${NEW_KEY} -keyout ${stem}.key -out ${stem}.csr`, `/CN=${commonName}`);
    writeFileSync(
      path.join(this.folder, `${stem}.ext`),
      names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`,
    );
    this.openssl(
      `x509 -req -in ${stem}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days ${days} -extfile ${stem}.ext -out ${stem}.pem`,
    );
    const certFile = path.join(this.folder, `${stem}.pem`);
    const keyFile = path.join(this.folder, `${stem}.key`);
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  }

  server(): Pair {
    return this.sign('localhost', ['DNS:localhost', 'IP:127.0.0.1']);
  }

  private openssl(line: string, subject: string | null = null): void {
    const more = subject === null ? [] : ['-subj', subject];
    execFileSync('openssl', [...line.split(' '), ...more], { cwd: this.folder, stdio: 'ignore' });
  }
}
