/** TLS as every door of this service has it: its own pair, the authority whose clients get in, and which of these do not. */

import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
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

/** Somebody who was not let in: from which address, and why, for a person. A client often hears no more than that the connection ended. */
export interface TlsRefusal {
  readonly address: string;
  readonly detail: string;
}

/** Closes the connections of client certificates that are refused, those that are open and new ones, and tells of all who do not get in. */
export class TlsGuard {
  private readonly open = new Set<TLSSocket>();
  private readonly onRefused: (refusal: TlsRefusal) => void;
  private refused: ReadonlySet<string>;

  constructor(refused: ReadonlySet<string>, onRefused: (refusal: TlsRefusal) => void) {
    this.refused = refused;
    this.onRefused = onRefused;
  }

  /** @param server tells of `secureConnection` and `tlsClientError`, or never does */
  guard(server: EventEmitter): void {
    // Node remembers an address that was asked for while the connection was open.
    server.on('connection', (socket: Socket) => void socket.remoteAddress);
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      const detail = whyRefused(error, socket);
      if (detail !== null) this.onRefused({ address: addressOf(socket), detail });
    });
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
    if (fingerprint256 === undefined || !this.refused.has(fingerprint256.replaceAll(':', ''))) return;
    const detail = `its certificate stands in client_refused_file: ${fingerprint256}`;
    this.onRefused({ address: addressOf(socket), detail });
    socket.destroy();
  }
}

/** Null for one that went away without a word: a probe. */
function whyRefused(error: Error, { authorizationError: code }: TLSSocket): string | null {
  // A string, whatever its type says; a client that has none is told of by OpenSSL.
  switch (code as unknown) {
    case null:
    case undefined:
      return 'code' in error && error.code === 'ECONNRESET' ? null : reasonOf(error);
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired';
    case 'CERT_NOT_YET_VALID':
      return 'its certificate is not valid yet';
    default:
      return `its certificate is not of the authority in client_ca_file (${String(code)})`;
  }
}

/** As OpenSSL says it. An alert is what the other side has said. */
function reasonOf(error: Error): string {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  return / alert .*(certificate|unknown ca)/.test(reason)
    ? `it does not trust the certificate of this door (${reason})`
    : reason;
}

/** A socket that Node closed over its certificate has forgotten its peer; the one below it has not. */
function addressOf(socket: TLSSocket): string {
  const { _parent: below } = socket as unknown as { _parent?: Socket };
  return (socket.remoteAddress ?? below?.remoteAddress ?? '').replace(/^::ffff:/, '');
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
