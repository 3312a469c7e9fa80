import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { fingerprintsIn, RefusedCertificates } from '../src/server-tls.ts';

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
    const refused = new RefusedCertificates(new Set());
    const server = new EventEmitter();
    refused.guard(server);
    const [ending, stolen, good] = [connection(null), connection('A1:B2'), connection('C3')];
    for (const socket of [ending, stolen, good]) server.emit('secureConnection', socket);
    refused.use(new Set(['A1B2']));
    expect([stolen.isDestroyed, good.isDestroyed]).toEqual([true, false]);
  });
});
