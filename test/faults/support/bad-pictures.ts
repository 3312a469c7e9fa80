/** Files that are no picture to be inspected, or only look like one. All are dark: taken for whole, each would pass. */

import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

export interface BadPicture {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The code a sender gets. */
  readonly code: string;
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crcOf(body));
  return Buffer.concat([length, body, crc]);
}

/** Node 20.15 and later have it in zlib; by hand where they do not. */
function crcOf(data: Buffer): number {
  if (typeof crc32 === 'function') return crc32(data);
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** An 8-bit grey PNG that says it is `width` x `height`, with whatever pixels. */
function png(width: number, height: number, pixels: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** A dark PNG of 64x64 whose packed pixels go on for `megabytes`. */
export function overfullPng(megabytes: number): Uint8Array {
  return png(64, 64, deflateSync(Buffer.alloc(megabytes * 1024 * 1024)));
}

export async function badPictures(): Promise<readonly BadPicture[]> {
  const dark = () => sharp({ create: { width: 64, height: 64, channels: 3, background: '#0a0a0a' } });
  const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * 7919) % 31));
  const noisy = () => sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
  const [whole, jpeg, cmyk, gif] = await Promise.all([
    noisy().png().toBuffer(),
    noisy().jpeg().toBuffer(),
    dark().toColourspace('cmyk').jpeg().toBuffer(),
    dark().gif().toBuffer(),
  ]);
  const pages = sharp(noise, { raw: { width: 64, height: 64, channels: 3, pageHeight: 32 } });
  const animated = await pages.webp({ loop: 0, delay: [100, 100] }).toBuffer();
  const flipped = Buffer.from(whole);
  flipped[whole.length >> 1] = 0xff ^ (flipped[whole.length >> 1] ?? 0);
  const truncated = [10, 30, 50, 70, 90, 99].flatMap((percent) =>
    [whole, jpeg].map((file, index) => ({
      name: `${index === 0 ? 'PNG' : 'JPEG'} cut off at ${percent} %`,
      bytes: file.subarray(0, Math.floor((file.length * percent) / 100)),
      code: 'bad_image',
    })),
  );
  return [
    ...truncated,
    { name: 'nothing at all', bytes: new Uint8Array(0), code: 'invalid_request' },
    { name: 'a JPEG and another one behind it', bytes: Buffer.concat([jpeg, jpeg]), code: 'bad_image' },
    { name: 'a PNG with a flipped byte', bytes: flipped, code: 'bad_image' },
    { name: 'a PNG of 0x0 pixels', bytes: png(0, 0, deflateSync(Buffer.alloc(1))), code: 'bad_image' },
    {
      name: 'a PNG that says 60000x60000',
      bytes: png(60_000, 60_000, deflateSync(Buffer.alloc(9))),
      code: 'image_too_large',
    },
    {
      name: 'a decompression bomb: 100 million pixels in 100 kB',
      bytes: png(10_000, 10_000, deflateSync(Buffer.alloc(10_001 * 10_000))),
      code: 'image_too_large',
    },
    { name: 'a CMYK JPEG', bytes: cmyk, code: 'unsupported_format' },
    { name: 'an animated WebP', bytes: animated, code: 'unsupported_format' },
    { name: 'a GIF', bytes: gif, code: 'unsupported_format' },
    { name: 'an SVG', bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), code: 'unsupported_format' },
    {
      name: 'text with the name of a JPEG',
      bytes: Buffer.from('JFIF is what I am, I say'),
      code: 'unsupported_format',
    },
  ];
}
