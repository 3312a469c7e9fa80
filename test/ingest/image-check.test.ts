import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RawImage } from '../../src/frame/frame.ts';
import { checkImage } from '../../src/ingest/image-check.ts';

const limits = { maxBytes: 1_000_000, maxPixels: 10_000 };
const file = (bytes: Uint8Array) => ({ kind: 'encoded', bytes }) as const;
const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 9, g: 99, b: 199 } } });
const files = new Map<string, Uint8Array>();

beforeAll(async () => {
  const picture = blank(61, 43);
  files.set('image/jpeg', await picture.clone().jpeg().toBuffer());
  files.set('image/jpeg progressive', await picture.clone().jpeg({ progressive: true }).withExif({}).toBuffer());
  files.set('image/png', await picture.clone().png().toBuffer());
  files.set('image/webp', await picture.clone().webp().toBuffer());
  files.set('image/webp lossless', await picture.clone().webp({ lossless: true }).toBuffer());
  files.set('image/webp extended', await picture.clone().ensureAlpha(0.5).webp().toBuffer());
  files.set('image/tiff', await picture.clone().tiff().toBuffer());
});

describe('checking an image file by its header', () => {
  it('finds type and size of every format that is taken', () => {
    for (const [name, bytes] of files) {
      const mediaType = name.split(' ', 1)[0] ?? '';
      expect([name, checkImage(file(bytes), limits)]).toEqual([name, { ok: true, mediaType, width: 61, height: 43 }]);
    }
  });

  it('finds the size of a big-endian TIFF', () => {
    const bytes = Buffer.from('4d4d002a00000008000201000003000000010005000001010004000000010000000700000000', 'hex');
    expect(checkImage(file(bytes), limits)).toMatchObject({ ok: true, width: 5, height: 7 });
  });

  it('refuses too many pixels and too many bytes, and still names the type', async () => {
    const large = await blank(200, 200).png().toBuffer();
    const expected = { ok: false, reason: 'image_too_large', mediaType: 'image/png' };
    expect(checkImage(file(large), limits)).toMatchObject(expected);
    expect(checkImage(file(large), { maxBytes: 100, maxPixels: 1e9 })).toMatchObject(expected);
  });

  it('takes an image of exactly the allowed pixels', async () => {
    expect(checkImage(file(await blank(100, 100).png().toBuffer()), limits)).toMatchObject({ ok: true });
  });

  it('refuses other formats as unsupported, whatever they call themselves', () => {
    for (const text of [
      'GIF89a..........',
      '<svg xmlns="x"/>',
      '%PDF-1.7 .......',
      'BM..............',
      'RIFF....WAVEfmt ',
    ]) {
      const check = checkImage(file(Buffer.from(text)), limits);
      expect(check).toMatchObject({ ok: false, reason: 'unsupported_format', mediaType: 'application/octet-stream' });
    }
  });

  it('calls no bytes at all a bad image', () => {
    expect(checkImage(file(new Uint8Array(0)), limits)).toMatchObject({ ok: false, reason: 'bad_image' });
  });

  it('refuses a header without pixels', () => {
    const png = Buffer.from(files.get('image/png') ?? []);
    png.writeUInt32BE(0, 16);
    expect(checkImage(file(png), limits)).toMatchObject({ ok: false, reason: 'bad_image' });
  });

  it('refuses a PNG cut off at any byte, though all its pixels be there', () => {
    const png = files.get('image/png') ?? new Uint8Array(0);
    for (let length = 1; length < png.length; length++) {
      expect([length, checkImage(file(png.subarray(0, length)), limits).ok]).toEqual([length, false]);
    }
    expect(checkImage(file(new Uint8Array([...png, 0, 0])), limits).ok).toBe(true);
  });

  it('refuses a picture with another one behind it, of which a decoder would see the first alone', () => {
    const padding = { none: [], zeros: [0, 0, 0], lines: [13, 10] };
    for (const [name, first] of files) {
      for (const [other, second] of files) {
        for (const [between, bytes] of Object.entries(padding)) {
          // Where a TIFF ends cannot be told.
          if (name === 'image/tiff') continue;
          const check = checkImage(file(new Uint8Array([...first, ...bytes, ...second])), limits);
          expect([name, other, between, check]).toMatchObject([
            name,
            other,
            between,
            { ok: false, reason: 'bad_image' },
          ]);
        }
      }
      const trailing = checkImage(file(new Uint8Array([...first, ...Buffer.from('made by camera 7')])), limits);
      expect([name, trailing.ok]).toEqual([name, true]);
    }
  });

  it('takes a file that says by itself that it holds several pictures, the first of them being the picture', () => {
    const jpeg = files.get('image/jpeg') ?? new Uint8Array(0);
    const index = [0xff, 0xe2, 0, 8, ...Buffer.from('MPF\0'), 1, 2];
    const several = [...jpeg.subarray(0, 2), ...index, ...jpeg.subarray(2), ...jpeg];
    expect(checkImage(file(new Uint8Array(several)), limits)).toMatchObject({ ok: true, width: 61, height: 43 });
  });

  it('never throws on a file cut off at any byte, nor finds another size in it', () => {
    for (const bytes of files.values()) {
      for (let length = 0; length < Math.min(bytes.length, 700); length++) {
        const check = checkImage(file(bytes.subarray(0, length)), limits);
        if (check.ok) expect([check.width, check.height]).toEqual([61, 43]);
        else expect(check.detail).not.toBe('');
      }
    }
  });

  it('never throws on random bytes behind a right beginning', () => {
    let state = 7;
    const random = () => {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      return state >> 8;
    };
    for (let round = 0; round < 4000; round++) {
      const [source = new Uint8Array(0)] = [...files.values()].slice(round % files.size);
      const bytes = Uint8Array.from(source.subarray(0, 40 + (random() % 200)));
      for (let hit = 0; hit < 6; hit++) bytes[4 + (random() % (bytes.length - 4))] = random() & 0xff;
      expect(() => checkImage(file(bytes), limits)).not.toThrow();
    }
  });
});

describe('checking raw pixels', () => {
  const raw = (changes: Partial<RawImage>): RawImage => ({
    kind: 'raw',
    format: 'MONO8',
    width: 4,
    height: 3,
    stride: 6,
    bytes: new Uint8Array(16),
    ...changes,
  });

  it('takes padded rows whose last one is not padded', () => {
    expect(checkImage(raw({}), limits)).toEqual({
      ok: true,
      mediaType: 'application/x-raw; format=MONO8; width=4; height=3; stride=6',
      width: 4,
      height: 3,
    });
  });

  it('refuses what cannot be the image it claims to be', () => {
    for (const changes of [
      { bytes: new Uint8Array(15) },
      // Another size or format than it says: a part of the picture, or noise, would be judged.
      { bytes: new Uint8Array(19) },
      { stride: 3 },
      { stride: Number.NaN },
      { width: 0 },
      { height: -1 },
      { width: 1.5 },
      { width: 65_536, stride: 65_536 },
      { format: 'RGB8' },
    ] as const) {
      expect(checkImage(raw(changes), limits)).toMatchObject({ ok: false, reason: 'bad_image' });
    }
  });

  it('refuses too many pixels before it looks for their bytes', () => {
    expect(checkImage(raw({ width: 200, height: 200, stride: 200 }), limits)).toMatchObject({
      ok: false,
      reason: 'image_too_large',
    });
  });

  it('knows the rows of packed formats', () => {
    const packed = raw({ format: 'MONO12P', width: 3, height: 1, stride: 5, bytes: new Uint8Array(5) });
    expect(checkImage(packed, limits)).toMatchObject({ ok: true });
    expect(checkImage({ ...packed, stride: 4 }, limits)).toMatchObject({ ok: false });
  });
});
