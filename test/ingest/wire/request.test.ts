import { describe, expect, it } from 'vitest';
import { PIXEL_FORMATS } from '../../../src/frame/pixel-format.ts';
import type { FrameDraft } from '../../../src/ingest/intake.ts';
import { inspectionPackage, messageOf } from '../../../src/ingest/wire/contract.ts';
import { decodeInspectRequest, encodeInspectRequest } from '../../../src/ingest/wire/request.ts';

const full: FrameDraft = {
  cameraId: 'cam-1',
  frameId: 'f-1',
  sequence: 2n ** 63n - 1n,
  capturedAt: 1_790_000_000_123,
  partId: 'p',
  jobId: 'j',
  productId: 'pr',
  measId: 'm',
  recipeId: 'r',
  roi: { x: 0.25, y: 0.5, width: 0.5, height: 0.25 },
  maxWaitMs: 150,
  tags: { shift: 'früh' },
  isSimulated: true,
  image: { kind: 'encoded', bytes: Buffer.from([1, 2, 3]) },
};

const request = messageOf(inspectionPackage, 'inspection.v1.InspectRequest');

function draftOf(bytes: Uint8Array): FrameDraft {
  const decoded = decodeInspectRequest(bytes);
  if (decoded.kind === 'refused') throw new Error(decoded.message);
  return decoded.draft;
}

describe('a request on the wire', () => {
  it('comes back as it was sent, with every field', () => {
    expect(draftOf(encodeInspectRequest(full))).toEqual(full);
  });

  it.each(PIXEL_FORMATS)('carries raw pixels in %s', (format) => {
    const image = { kind: 'raw', bytes: Buffer.from([1, 2]), format, width: 2, height: 1, stride: 8 } as const;
    expect(draftOf(encodeInspectRequest({ ...full, image })).image).toEqual(image);
  });

  it('takes a stride of 0 for rows without padding', () => {
    const bytes = request.encode({
      camera_id: 'c',
      raw: { width: 3, height: 1, format: 'MONO12P', data: Buffer.alloc(5) },
    });
    expect(draftOf(bytes).image).toMatchObject({ kind: 'raw', stride: 5 });
  });

  it('refuses pixels whose format is not said', () => {
    const bytes = request.encode({ camera_id: 'c', raw: { width: 3, height: 1, data: Buffer.alloc(3) } });
    expect(decodeInspectRequest(bytes)).toMatchObject({ kind: 'refused', code: 'invalid_request' });
  });

  it('refuses pixels in a format it does not know', () => {
    const bytes = request.encode({ camera_id: 'c', raw: { width: 3, height: 1, format: 99, data: Buffer.alloc(3) } });
    expect(decodeInspectRequest(bytes)).toMatchObject({ kind: 'refused', message: expect.stringContaining('got 99') });
  });

  it('gives an empty image where none was sent, for the door to refuse', () => {
    expect(draftOf(request.encode({ camera_id: 'c' })).image).toEqual({ kind: 'encoded', bytes: new Uint8Array(0) });
  });

  it('refuses bytes that are no request', () => {
    const outcome = decodeInspectRequest(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    expect(outcome).toMatchObject({ kind: 'refused', code: 'invalid_request' });
  });

  it('reads a view into a larger buffer', () => {
    const bytes = encodeInspectRequest(full);
    const padded = new Uint8Array(bytes.length + 20);
    padded.set(bytes, 10);
    expect(draftOf(padded.subarray(10, 10 + bytes.length)).frameId).toBe('f-1');
  });
});
