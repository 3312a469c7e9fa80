import { describe, expect, it } from 'vitest';
import { peerOf, UNBOUND, whyNotAs } from '../../src/ingest/peer.ts';

describe('a client certificate', () => {
  it.each([
    [{ subject: { CN: 'cam-1' } }, ['cam-1']],
    [{ subject: { CN: 'gateway' }, subjectaltname: 'DNS:cam-1, DNS:cam-2, IP Address:10.0.0.1' }, ['cam-1', 'cam-2']],
    [{ subject: { CN: 'cam-9' }, subjectaltname: 'IP Address:10.0.0.1' }, ['cam-9']],
    [{ subject: { CN: ['cam-1', 'cam-2'] } }, ['cam-1', 'cam-2']],
    // A wildcard is no camera, and a name that hides another is none either.
    [{ subject: { CN: 'x' }, subjectaltname: 'DNS:*.line' }, []],
    [{ subject: { CN: 'x' }, subjectaltname: 'DNS:"a, DNS:cam-1, b", DNS:cam-2' }, []],
    [{ subject: { CN: 'Press Shop / 4' } }, []],
    [{}, []],
    [null, []],
    [undefined, []],
  ])('%j names the cameras %j', (certificate, cameraIds) => {
    expect(peerOf(certificate)).toEqual({ cameraIds });
  });

  it('lets its bearer send as those, and as no other', () => {
    const peer = peerOf({ subject: { CN: 'cam-1' } });
    expect(whyNotAs(peer, 'cam-1')).toBeNull();
    expect(whyNotAs(peer, 'cam-2')).toMatchObject({
      code: 'permission_denied',
      message: 'this certificate may send as cam-1, not as "cam-2"',
    });
    expect(whyNotAs(peer, 'CAM-1')).not.toBeNull();
    expect(whyNotAs(peerOf(null), 'cam-1')).toMatchObject({ message: expect.stringContaining('no camera') as string });
    expect(whyNotAs(UNBOUND, 'any')).toBeNull();
  });
});
