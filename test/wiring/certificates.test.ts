import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type CertificateEvent, Certificates } from '../../src/wiring/certificates.ts';
import { expiryOf, readTlsFiles, type TlsFiles } from '../../src/config/tls-files.ts';
import { Authority, type Pair } from '../support/authority.ts';

const DAY_MS = 24 * 3_600_000;
const authority = new Authority();
const first = authority.server();
const second = authority.server();
const folder = mkdtempSync(path.join(tmpdir(), 'loupe-certs-'));
const paths = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem'), ca: null, refused: null };

function put(pair: Pair): void {
  copyFileSync(pair.certFile, paths.cert);
  copyFileSync(pair.keyFile, paths.key);
}

beforeEach(() => put(first));

async function watched(now = () => Date.now(), use: (files: TlsFiles) => void = () => undefined) {
  const events: CertificateEvent[] = [];
  const used: TlsFiles[] = [];
  const door = {
    name: 'grpc' as const,
    paths,
    files: await readTlsFiles(paths),
    use: (files: TlsFiles) => {
      use(files);
      used.push(files);
    },
  };
  const certificates = new Certificates([door], { now, onEvent: (event) => events.push(event), periodMs: 20 });
  onTestFinished(() => certificates.stop());
  return { certificates, events, used };
}

describe('the certificates', () => {
  it('are handed to their door when the files hold another pair, and only then', async () => {
    const { certificates, events, used } = await watched();
    await certificates.reload();
    expect([used, events]).toEqual([[], []]);
    put(second);
    await certificates.reload();
    expect(used).toEqual([{ cert: second.cert, key: second.key, ca: null, refused: new Set() }]);
    expect(events).toMatchObject([{ kind: 'certificate_reloaded', door: 'grpc' }]);
    expect(certificates.expiries()).toEqual([{ door: 'grpc', expiresAt: expiryOf(second.cert) }]);
  });

  it('are looked at by themselves', async () => {
    const { certificates, used } = await watched();
    certificates.start();
    put(second);
    await expect.poll(() => used.length).toBe(1);
  });

  it.each([
    ['a missing file', () => rmSync(paths.key)],
    ['a key of another pair', () => copyFileSync(second.keyFile, paths.key)],
    ['a certificate that is none', () => writeFileSync(paths.cert, 'rubbish')],
    ['an empty key', () => writeFileSync(paths.key, '')],
  ])('stay at work where the new files hold %s, and say so once', async (_name, spoil) => {
    const { certificates, events, used } = await watched();
    spoil();
    await certificates.reload();
    await certificates.reload();
    expect(used).toEqual([]);
    expect(events.map(({ kind }) => kind)).toEqual(['certificate_refused']);
    put(second);
    await certificates.reload();
    expect(used).toHaveLength(1);
  });

  it('stay at work where the new one has ended already', async () => {
    const { certificates, events, used } = await watched(() => Date.now() + 91 * DAY_MS);
    put(second);
    await certificates.reload();
    expect(used).toEqual([]);
    expect(events[0]).toMatchObject({
      kind: 'certificate_refused',
      detail: expect.stringContaining('ended at') as string,
    });
  });

  it('stay at work where the door does not take the new one', async () => {
    const { certificates, events } = await watched(undefined, () => {
      throw new Error('no');
    });
    put(second);
    await certificates.reload();
    expect(events).toEqual([{ kind: 'certificate_refused', door: 'grpc', detail: 'no' }]);
    expect(certificates.expiries()).toEqual([{ door: 'grpc', expiresAt: expiryOf(first.cert) }]);
  });

  it('warn once in the last 30 days', async () => {
    const { certificates, events } = await watched(() => Date.now() + 61 * DAY_MS);
    await certificates.reload();
    await certificates.reload();
    expect(events).toMatchObject([{ kind: 'certificate_expires', door: 'grpc' }]);
  });
});
