import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type Decoding, decode, type Wanted } from '../../src/engine/decode.ts';
import type { RawImage } from '../../src/frame/frame.ts';

const limits = { maxPixels: 1_000_000 };
const rgb = (width: number, height: number): Wanted => ({
  fit: 'fill',
  kernel: 'linear',
  width,
  height,
  colour: 'RGB',
});
const grey = (width: number, height: number): Wanted => ({ ...rgb(width, height), colour: 'GREY' });

/** A 4x4 picture: left half red, right half blue. */
const RED = [200, 10, 20] as const;
const BLUE = [30, 40, 220] as const;
const halves = (() => {
  const data = new Uint8Array(4 * 4 * 3);
  for (let p = 0; p < 16; p++) data.set(p % 4 < 2 ? RED : BLUE, p * 3);
  return data;
})();
const picture = () => sharp(halves, { raw: { width: 4, height: 4, channels: 3 } });
const file = (bytes: Uint8Array) => ({ kind: 'encoded', bytes }) as const;

function pixelsOf(decoding: Decoding): number[] {
  if (!decoding.ok) throw new Error(`${decoding.reason}: ${decoding.detail}`);
  return [...decoding.pixels];
}

function noise(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919 + ((i * i) % 253)) % 256);
}

describe('decoding a file', () => {
  it('gives the pixels of a PNG, a WebP and a TIFF as they were', async () => {
    for (const bytes of [
      await picture().png().toBuffer(),
      await picture().webp({ lossless: true }).toBuffer(),
      await picture().tiff({ compression: 'none' }).toBuffer(),
    ]) {
      expect(pixelsOf(await decode(file(bytes), rgb(4, 4), null, limits))).toEqual([...halves]);
    }
  });

  it('gives the pixels of a JPEG nearly as they were, in exactly the bytes of the wanted shape', async () => {
    const bytes = await picture().resize(64, 64, { kernel: 'nearest' }).jpeg({ quality: 95 }).toBuffer();
    const pixels = pixelsOf(await decode(file(bytes), rgb(8, 6), null, limits));
    expect(pixels).toHaveLength(8 * 6 * 3);
    for (const [i, value] of RED.entries()) expect(Math.abs((pixels[i] ?? 0) - value)).toBeLessThan(12);
  });

  it('gives a plain Uint8Array of its own', async () => {
    const decoding = await decode(file(await picture().png().toBuffer()), rgb(4, 4), null, limits);
    if (!decoding.ok) throw new Error(decoding.detail);
    expect(Object.getPrototypeOf(decoding.pixels)).toBe(Uint8Array.prototype);
    expect(decoding.pixels.byteLength).toBe(48);
  });

  it('swaps red and blue where the model wants BGR', async () => {
    const bytes = await picture().png().toBuffer();
    const pixels = pixelsOf(await decode(file(bytes), { ...rgb(4, 4), colour: 'BGR' }, null, limits));
    expect(pixels.slice(0, 3)).toEqual(RED.toReversed());
  });

  it('gives one channel of grey, and three equal ones where a grey file meets a colour model', async () => {
    const bytes = await sharp(Uint8Array.of(0, 77, 128, 255), { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect(pixelsOf(await decode(file(bytes), grey(2, 2), null, limits))).toEqual([0, 77, 128, 255]);
    const colour = [0, 0, 0, 77, 77, 77, 128, 128, 128, 255, 255, 255];
    expect(pixelsOf(await decode(file(bytes), rgb(2, 2), null, limits))).toEqual(colour);
  });

  it('shows transparency as black', async () => {
    const clear = await sharp({
      create: { width: 2, height: 2, channels: 4, background: { r: 255, g: 9, b: 9, alpha: 0 } },
    })
      .png()
      .toBuffer();
    expect(pixelsOf(await decode(file(clear), rgb(2, 2), null, limits))).toEqual(Array.from({ length: 12 }, () => 0));
  });

  it('keeps the upper 8 of 16 bits, grey and colour', async () => {
    const values = Uint16Array.of(0, 0x4d00, 0x8080, 0xffff);
    const png = await sharp(values, { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    const tiff = await sharp(values, { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace('grey16')
      .tiff({ compression: 'none' })
      .toBuffer();
    for (const bytes of [png, tiff]) {
      expect((await sharp(bytes).metadata()).depth).toBe('ushort');
      const all = { x: 0, y: 0, width: 1, height: 1 };
      for (const roi of [null, all]) {
        expect(pixelsOf(await decode(file(bytes), grey(2, 2), roi, limits))).toEqual([0, 0x4d, 0x80, 0xff]);
        const colour = pixelsOf(await decode(file(bytes), rgb(2, 2), roi, limits));
        expect(colour.slice(3, 9)).toEqual([0x4d, 0x4d, 0x4d, 0x80, 0x80, 0x80]);
      }
    }
  });

  it('ignores EXIF orientation: pixels are taken as the camera stored them', async () => {
    const bytes = await picture().withMetadata({ orientation: 6 }).png().toBuffer();
    expect(pixelsOf(await decode(file(bytes), rgb(4, 4), null, limits))).toEqual([...halves]);
  });

  it('refuses what is not one of the four formats', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
    const gif = await picture().gif().toBuffer();
    const heif = await picture().heif({ compression: 'av1' }).toBuffer();
    for (const bytes of [svg, gif, heif, Buffer.from('%PDF-1.4\n'), new Uint8Array(0)]) {
      expect(await decode(file(bytes), rgb(4, 4), null, limits)).toMatchObject({
        ok: false,
        reason: 'unsupported_format',
      });
    }
  });

  it('refuses a file of several pages, an animation and CMYK', async () => {
    const frames = sharp(noise(4, 8), { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } });
    const animated = await frames.webp({ loop: 0, delay: [10, 10] }).toBuffer();
    const cmyk = await picture().toColourspace('cmyk').jpeg().toBuffer();
    for (const bytes of [animated, cmyk]) {
      expect(await decode(file(bytes), rgb(4, 4), null, limits)).toMatchObject({
        ok: false,
        reason: 'unsupported_format',
      });
    }
  });

  it('calls a truncated file a bad image, wherever it was cut', async () => {
    const source = sharp(noise(48, 48), { raw: { width: 48, height: 48, channels: 3 } });
    for (const bytes of [await source.clone().jpeg().toBuffer(), await source.clone().png().toBuffer()]) {
      for (let percent = 5; percent < 98; percent += 7) {
        const cut = bytes.subarray(0, Math.floor((bytes.length * percent) / 100));
        expect(await decode(file(cut), rgb(16, 16), null, limits)).toMatchObject({ ok: false, reason: 'bad_image' });
      }
    }
  });

  it('calls a truncated file a bad image even where the cut lies below the region of interest', async () => {
    const source = sharp(noise(256, 256), { raw: { width: 256, height: 256, channels: 3 } });
    for (const bytes of [await source.clone().jpeg().toBuffer(), await source.clone().png().toBuffer()]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * 0.7));
      const top = { x: 0, y: 0, width: 1, height: 0.3 };
      expect(await decode(file(cut), rgb(16, 16), top, limits)).toMatchObject({ ok: false, reason: 'bad_image' });
    }
  });

  it('refuses an image of more pixels than allowed before decoding it', async () => {
    const bytes = await sharp({ create: { width: 2000, height: 2000, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    expect(await decode(file(bytes), rgb(4, 4), null, limits)).toMatchObject({ ok: false, reason: 'image_too_large' });
  });
});

describe('a region of interest', () => {
  const right = { x: 0.5, y: 0, width: 0.5, height: 1 };

  it('is cut out before the resize', async () => {
    const bytes = await picture().png().toBuffer();
    const pixels = pixelsOf(await decode(file(bytes), rgb(2, 2), right, limits));
    expect(pixels).toEqual([...BLUE, ...BLUE, ...BLUE, ...BLUE]);
  });

  it('is refused where it is smaller than a pixel of this picture: what would be judged is nothing that anybody chose', async () => {
    const bytes = await picture().png().toBuffer();
    for (const thin of [
      { ...right, width: 0.2 },
      { ...right, height: 0.0001 },
    ]) {
      expect(await decode(file(bytes), rgb(1, 1), thin, limits)).toMatchObject({ ok: false, reason: 'roi_too_small' });
    }
    expect(await decode(file(bytes), rgb(1, 1), { ...right, width: 0.2 }, limits)).toMatchObject({
      detail: 'expected a ROI of one pixel at least, got 0.8 x 4 pixels of an image of 4 x 4',
    });
  });

  it('may be one pixel, even at the far edge and where fractions do not quite add up', async () => {
    const bytes = await picture().png().toBuffer();
    const corner = { x: 0.75, y: 0.75, width: 0.25, height: 0.25 };
    expect(pixelsOf(await decode(file(bytes), rgb(1, 1), corner, limits))).toEqual([...BLUE]);
    const row = await sharp({ create: { width: 49, height: 1, channels: 3, background: '#00f' } })
      .png()
      .toBuffer();
    const last = { x: 48 / 49, y: 0, width: 1 / 49, height: 1 };
    expect(pixelsOf(await decode(file(row), rgb(1, 1), last, limits))).toEqual([0, 0, 255]);
  });

  it('is refused when any of it lies outside, or when it is not a number', async () => {
    const bytes = await picture().png().toBuffer();
    for (const wrong of [
      { ...right, x: 0.6 },
      { ...right, y: -0.1 },
      { ...right, width: 0 },
      { ...right, height: Number.NaN },
    ]) {
      expect(await decode(file(bytes), rgb(2, 2), wrong, limits)).toMatchObject({
        ok: false,
        reason: 'roi_outside_image',
      });
    }
  });
});

describe('decoding raw pixels', () => {
  const raw = (
    format: RawImage['format'],
    width: number,
    height: number,
    stride: number,
    bytes: number[],
  ): RawImage => ({
    kind: 'raw',
    format,
    width,
    height,
    stride,
    bytes: Uint8Array.from(bytes),
  });

  it('crops and resizes them like a file', async () => {
    const image = raw('RGB8', 4, 4, 12, [...halves]);
    expect(pixelsOf(await decode(image, rgb(4, 4), null, limits))).toEqual([...halves]);
    expect(pixelsOf(await decode(image, rgb(1, 1), { x: 0, y: 0, width: 0.5, height: 1 }, limits))).toEqual([...RED]);
  });

  it('keeps grey values for a grey model and repeats them for a colour one', async () => {
    const image = raw('MONO8', 2, 2, 3, [0, 77, 99, 128, 255]);
    expect(pixelsOf(await decode(image, grey(2, 2), null, limits))).toEqual([0, 77, 128, 255]);
    expect(pixelsOf(await decode(image, rgb(2, 2), null, limits)).slice(3, 6)).toEqual([77, 77, 77]);
  });

  it('refuses too few bytes, a stride shorter than a row, and too many pixels', async () => {
    const short = raw('MONO8', 2, 2, 2, [1, 2, 3]);
    const narrow = raw('MONO8', 2, 2, 1, [1, 2, 3, 4]);
    for (const image of [short, narrow]) {
      expect(await decode(image, grey(2, 2), null, limits)).toMatchObject({ ok: false, reason: 'bad_image' });
    }
    const large = raw('MONO8', 2000, 2000, 2000, []);
    expect(await decode(large, grey(2, 2), null, limits)).toMatchObject({ ok: false, reason: 'image_too_large' });
  });
});
