import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { fingerprintsIn, TlsGuard, tlsOptionsOf, type TlsRefusal } from '../src/server-tls.ts';
import { Authority } from './support/authority.ts';

const HEX = 'a1'.repeat(32);

describe('a list of refused certificates', () => {
  it('holds fingerprints as openssl prints them, in hex alone, and comments', () => {
    const colons = HEX.match(/../g)?.join(':') ?? '';
    expect([...fingerprintsIn(`# stolen\n\nsha256 Fingerprint=${colons}\r\n${'b2'.repeat(32)}  # cam-7\n`)]).toEqual([
      'A1'.repeat(32),
      'B2'.repeat(32),
    ]);
    expect(fingerprintsIn('').size).toBe(0);
  });

  it.each([HEX.slice(1), `${HEX}0`, 'cam-7', `${HEX} ${HEX}`, `sha1 Fingerprint=${'a1'.repeat(20)}`])(
    'with the line %s is wrong, and says which line it is',
    (line) => {
      expect(() => fingerprintsIn(`# first\n${line}\n`)).toThrow(/^line 2: expected a SHA-256 fingerprint/);
    },
  );
});

describe('refused certificates', () => {
  const connection = (fingerprint256: string | null) =>
    Object.assign(new EventEmitter(), {
      isDestroyed: false,
      // Node gives null for a socket that was destroyed and has not said so yet.
      getPeerCertificate: () => (fingerprint256 === null ? null : { fingerprint256 }),
      destroy() {
        this.isDestroyed = true;
      },
    });

  it('are looked for on every open connection, whatever becomes of one of them meanwhile', () => {
    const told: TlsRefusal[] = [];
    const refused = new TlsGuard(new Set(), (refusal) => told.push(refusal));
    const server = new EventEmitter();
    refused.guard(server);
    const [ending, stolen, good] = [connection(null), connection('A1:B2'), connection('C3')];
    for (const socket of [ending, stolen, good]) server.emit('secureConnection', socket);
    refused.use(new Set(['A1B2']));
    expect([stolen.isDestroyed, good.isDestroyed]).toEqual([true, false]);
    expect(told).toMatchObject([{ detail: 'its certificate stands in client_refused_file: A1:B2' }]);
  });
});

describe('who is not let in over TLS', () => {
  it('is told of with an address and the reason, which the client itself does not hear; a probe is not', async () => {
    const ours = new Authority();
    const told: TlsRefusal[] = [];
    const { cert, key } = ours.server();
    const server = createServer(tlsOptionsOf({ cert, key, clientCa: ours.ca, refused: new Set() }));
    new TlsGuard(new Set(), (refusal) => told.push(refusal)).guard(server);
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const enter = async (own: object) => {
      const socket = connect({ port, host: '127.0.0.1', ca: ours.ca, ...own }).resume();
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('close', resolve));
    };
    await enter(new Authority('Other').sign('cam-1'));
    await enter(ours.sign('cam-1', [], 0));
    await enter({});
    // Node looks at our certificate when all is over, and just goes; others say so.
    const strict = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-CAfile',
      new Authority('Third').caFile,
      '-verify_return_error',
    ];
    await new Promise((resolve) => execFile('openssl', strict, resolve).stdin?.end());
    const probe = connectTcp(port, '127.0.0.1');
    await once(probe, 'connect');
    probe.destroy();
    const plain = connectTcp(port, '127.0.0.1').resume();
    plain.end('GET / HTTP/1.1\r\n\r\n');
    await once(plain, 'close');
    server.close();
    expect(told.map(({ address }) => address)).toEqual(told.map(() => '127.0.0.1'));
    expect(told.map(({ detail }) => detail)).toEqual([
      'its certificate is not of the authority in client_ca_file (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
      'its certificate has expired',
      'peer did not return a certificate',
      expect.stringMatching(/^it does not trust the certificate of this door \(.*alert/),
      'http request',
    ]);
  });
});
