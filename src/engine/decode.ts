/**
 * Image to pixels, for serving, golden checks and training alike. The only file of the service that imports sharp.
 *
 * Pixels are taken as the camera stored them: EXIF orientation and colour profiles are not applied (a line camera hangs
 * still, and a profile would change what the model was taught). Transparency becomes black. 16 bits keep their upper 8.
 */

import sharp, { type Region, type Sharp } from 'sharp';
import { messageOf } from '../errors.ts';
import type { Image, RawImage, Roi } from '../frame/frame.ts';
import type { Dimensions } from '../frame/image-header/header-reader.ts';
import { jpegFrame } from '../frame/image-header/jpeg.ts';
import { imageTypeOf } from '../frame/image-type.ts';
import { bytesPerRow } from '../frame/pixel-format.ts';
import { channelsOf, type InputContract } from './contract.ts';
import { leastBytes, toEightBit } from './raw-pixels.ts';

export interface Wanted {
  readonly fit: InputContract['resize']['fit'];
  readonly kernel: InputContract['resize']['kernel'];
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly colour: InputContract['colour'];
}

export interface DecodeFault {
  readonly ok: false;
  readonly reason: 'bad_image' | 'unsupported_format' | 'image_too_large' | 'roi_outside_image' | 'roi_too_small';
  /** What was expected and what came. */
  readonly detail: string;
}

/** `area`: what `pixels` show, as fractions of the picture; beyond 0..1 where `fit: contain` added a border. */
export type Decoding = { readonly ok: true; readonly pixels: Uint8Array; readonly area: Roi } | DecodeFault;

// One image per libuv thread: many images at once, not many threads on one.
sharp.concurrency(1);
sharp.cache(false);
// Of libvips' many loaders, only the four that are taken may ever run.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadTiffBuffer',
  ],
});

const TIMEOUT_S = 10;
/** Fractions that came as float32 may add up to a little over 1. */
const ROI_SLACK = 1e-6;

/**
 * Decodes, crops to `roi`, resizes.
 * @param roi fractions of the image; null is all of it
 * @returns uint8 HWC in the wanted colour order, exactly width*height*channels bytes
 */
export async function decode(
  image: Image,
  want: Wanted,
  roi: Roi | null,
  limits: { readonly maxPixels: number },
): Promise<Decoding> {
  try {
    const opened =
      image.kind === 'raw' ? openRaw(image, limits.maxPixels) : await openFile(image.bytes, limits.maxPixels);
    if (!opened.ok) return opened;
    const { width, height } = opened;
    const area = roi === null ? null : roiPixels(roi, width, height);
    if (area !== null && !area.ok) return area;
    let { pipeline } = opened;
    if (area !== null) {
      if (image.kind === 'encoded') pipeline = await decodeWhole(pipeline, want);
      pipeline.extract(area.rectangle);
    }
    const { fit, kernel } = want;
    pipeline.resize({ width: want.width, height: want.height, fit, kernel, background: '#000' });
    toColour(pipeline, want);
    const { data, info } = await pipeline.timeout({ seconds: TIMEOUT_S }).raw().toBuffer({ resolveWithObject: true });
    const shown = area?.rectangle ?? { left: 0, top: 0, width, height };
    return { ok: true, pixels: arrange(data, info.channels, want), area: shownOf(shown, want, width, height) };
  } catch (error) {
    return faultOf(messageOf(error));
  }
}

type Opened =
  | { readonly ok: true; readonly pipeline: Sharp; readonly width: number; readonly height: number }
  | DecodeFault;

function openRaw(image: RawImage, maxPixels: number): Opened {
  const { width, height, format, stride } = image;
  if (width * height > maxPixels) return tooLarge(width, height, maxPixels);
  const row = bytesPerRow(format, width);
  const least = leastBytes(image);
  if (width < 1 || height < 1 || stride < row || image.bytes.length < least) {
    return bad(
      `expected ${format} ${width}x${height} with rows of at least ${row} bytes and ${least} bytes in all, ` +
        `got a stride of ${stride} and ${image.bytes.length} bytes`,
    );
  }
  const { data, channels } = toEightBit(image);
  return { ok: true, pipeline: sharp(data, { raw: { width, height, channels } }), width, height };
}

async function openFile(bytes: Uint8Array, maxPixels: number): Promise<Opened> {
  const type = imageTypeOf(bytes);
  if (bytes.length === 0) return unsupported('expected JPEG, PNG, WebP or TIFF, got no bytes');
  if (type === null) {
    const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
    return unsupported(`expected JPEG, PNG, WebP or TIFF, got ${bytes.length} bytes starting ${start}`);
  }
  const pipeline = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'warning', ignoreIcc: true, pages: 1 });
  // What most cameras send needs no question to libvips, which costs two changes of thread.
  const plain = type === 'image/jpeg' ? plainJpeg(bytes) : null;
  if (plain !== null && plain.width * plain.height <= maxPixels) return { ok: true, pipeline, ...plain };
  const { width, height, pages = 1, channels, depth, space, hasAlpha } = await pipeline.metadata();
  if (width * height > maxPixels) return tooLarge(width, height, maxPixels);
  if (pages > 1) return unsupported(`expected one image per file, got ${pages} pages`);
  if (depth !== 'uchar' && depth !== 'ushort') return unsupported(`expected 8 or 16 bits per channel, got ${depth}`);
  if (space === 'cmyk' || space === 'lab' || channels > 4) {
    return unsupported(`expected grey or RGB, got ${space} of ${channels} channels`);
  }
  if (hasAlpha) pipeline.flatten({ background: '#000' });
  return { ok: true, pipeline, width, height };
}

/** Size of a JPEG of 8 bits, grey or colour; null where more has to be known of it. */
function plainJpeg(bytes: Uint8Array): Dimensions | null {
  const frame = jpegFrame(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (frame === null || frame.bits !== 8 || (frame.components !== 1 && frame.components !== 3)) return null;
  const { width, height } = frame;
  return width > 0 && height > 0 ? { width, height } : null;
}

/** libvips stops reading below the area it needs: a file cut off there would be taken for whole, so all of it is read first. */
async function decodeWhole(pipeline: Sharp, want: Wanted): Promise<Sharp> {
  const { data, info } = await toColour(pipeline, want)
    .timeout({ seconds: TIMEOUT_S })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } });
}

function toColour(pipeline: Sharp, want: Wanted): Sharp {
  return want.colour === 'GREY' ? pipeline.greyscale() : pipeline.toColourspace('srgb');
}

function roiPixels(
  roi: Roi,
  width: number,
  height: number,
): { readonly ok: true; readonly rectangle: Region } | DecodeFault {
  const isInside =
    roi.x >= 0 &&
    roi.y >= 0 &&
    roi.width > 0 &&
    roi.height > 0 &&
    roi.x + roi.width <= 1 + ROI_SLACK &&
    roi.y + roi.height <= 1 + ROI_SLACK;
  if (!isInside) {
    const detail = `expected a ROI within 0..1, got x ${roi.x}, y ${roi.y}, width ${roi.width}, height ${roi.height}`;
    return { ok: false, reason: 'roi_outside_image', detail };
  }
  // Rounded up to a pixel, it would be judged by what nobody chose: the frames are of another size than it was made for.
  const [wide, high] = [roi.width * width, roi.height * height];
  if (Math.min(wide, high) < 1 - ROI_SLACK) {
    const size = [wide, high].map((pixels) => Number(pixels.toPrecision(3))).join(' x ');
    const detail = `expected a ROI of one pixel at least, got ${size} pixels of an image of ${width} x ${height}`;
    return { ok: false, reason: 'roi_too_small', detail };
  }
  const [left, columns] = span(roi.x, roi.width, width);
  const [top, rows] = span(roi.y, roi.height, height);
  return { ok: true, rectangle: { left, top, width: columns, height: rows } };
}

/** Both edges rounded to whole pixels, at least one pixel between them. */
function span(start: number, length: number, size: number): [first: number, count: number] {
  const first = Math.min(Math.round(start * size), size - 1);
  const end = Math.min(Math.round((start + length) * size), size);
  return [first, Math.max(end - first, 1)];
}

/** What is shown of a picture of `width` x `height` pixels once `region` of it was fitted into the wanted size. */
function shownOf(region: Region, want: Wanted, width: number, height: number): Roi {
  const scales = [want.width / region.width, want.height / region.height];
  // Contain and cover keep the proportions, centred: they show more or less than the region.
  const scale = want.fit === 'contain' ? Math.min(...scales) : Math.max(...scales);
  const columns = want.fit === 'fill' ? region.width : want.width / scale;
  const rows = want.fit === 'fill' ? region.height : want.height / scale;
  return {
    x: (region.left + (region.width - columns) / 2) / width,
    y: (region.top + (region.height - rows) / 2) / height,
    width: columns / width,
    height: rows / height,
  };
}

/** libvips' channels to the wanted ones. Grey files come with one channel or three alike, by libvips' choice. */
function arrange(data: Buffer, channels: number, want: Wanted): Uint8Array {
  const wanted = channelsOf(want);
  const plane = want.width * want.height;
  if ((channels !== 1 && channels !== wanted) || data.length !== plane * channels) {
    throw new Error(`libvips gave ${data.length} bytes of ${channels} channels for ${want.width}x${want.height}`);
  }
  if (channels === wanted && want.colour !== 'BGR') {
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  }
  const out = new Uint8Array(plane * wanted);
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < wanted; c++) {
      const from = want.colour === 'BGR' ? 2 - c : c;
      out[p * wanted + c] = data[channels === 1 ? p : p * channels + from] ?? 0;
    }
  }
  return out;
}

function faultOf(message: string): DecodeFault {
  if (message.includes('exceeds pixel limit')) return { ok: false, reason: 'image_too_large', detail: message };
  return bad(`the image cannot be decoded: ${message}`);
}

function bad(detail: string): DecodeFault {
  return { ok: false, reason: 'bad_image', detail };
}

function unsupported(detail: string): DecodeFault {
  return { ok: false, reason: 'unsupported_format', detail };
}

function tooLarge(width: number, height: number, maxPixels: number): DecodeFault {
  return {
    ok: false,
    reason: 'image_too_large',
    detail: `expected at most ${maxPixels} pixels, got ${width}x${height}`,
  };
}
