/** TLS as every door of this service has it: its own pair, the authority whose clients get in, and which of these do not. */

import type { EventEmitter } from 'node:events';
import type { PeerCertificate, TLSSocket } from 'node:tls';

export interface ServerTls {
  /** PEM, the whole chain. */
  readonly cert: Buffer;
  /** PEM. */
  readonly key: Buffer;
  /** PEM of the authority whose client certificates are required; null asks for none. */
  readonly clientCa: Buffer | null;
  /** SHA-256 of client certificates that are refused though the authority signed them: 64 hex digits in capitals. */
  readonly refused: ReadonlySet<string>;
}

/** For `setSecureContext`, which new connections get. */
export function contextOf({ cert, key, clientCa }: ServerTls) {
  return { cert, key, ...(clientCa === null ? {} : { ca: clientCa }) };
}

/** For a server that is to be made. */
export function tlsOptionsOf(tls: ServerTls) {
  return { ...contextOf(tls), ...(tls.clientCa === null ? {} : { requestCert: true, rejectUnauthorized: true }) };
}

/** Closes the connections of client certificates that are refused, those that are open and new ones. */
export class RefusedCertificates {
  private readonly open = new Set<TLSSocket>();
  private refused: ReadonlySet<string>;

  constructor(refused: ReadonlySet<string>) {
    this.refused = refused;
  }

  /** @param server tells of `secureConnection`, or never does */
  guard(server: EventEmitter): void {
    server.on('secureConnection', (socket: TLSSocket) => {
      this.open.add(socket);
      socket.once('close', () => this.open.delete(socket));
      this.check(socket);
    });
  }

  use(refused: ReadonlySet<string>): void {
    this.refused = refused;
    for (const socket of this.open) this.check(socket);
  }

  private check(socket: TLSSocket): void {
    // Null, whatever its type says, where the socket was destroyed and has not said so yet.
    const certificate = socket.getPeerCertificate() as PeerCertificate | null;
    const fingerprint256 = certificate?.fingerprint256;
    if (fingerprint256 !== undefined && this.refused.has(fingerprint256.replaceAll(':', ''))) socket.destroy();
  }
}

/**
 * SHA-256 fingerprints, one a line, as `openssl x509 -noout -fingerprint -sha256` prints them or in hex alone; `#` begins a comment.
 * @throws naming the first line that is none
 */
export function fingerprintsIn(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const written = line.replace(/#.*/, '').trim();
    if (written === '') continue;
    const digits = written
      .slice(written.lastIndexOf('=') + 1)
      .replaceAll(':', '')
      .toUpperCase();
    if (!/^[0-9A-F]{64}$/.test(digits)) {
      throw new Error(
        `line ${index + 1}: expected a SHA-256 fingerprint of 64 hex digits, got "${written.slice(0, 80)}"`,
      );
    }
    found.add(digits);
  }
  return found;
}
