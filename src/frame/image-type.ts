/** Which image files Loupe takes, told by their first bytes: never by a file name or a content type that somebody wrote. */

export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/tiff'] as const;
export type ImageType = (typeof IMAGE_TYPES)[number];

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const RIFF = [0x52, 0x49, 0x46, 0x46];
const WEBP = [0x57, 0x45, 0x42, 0x50];
const TIFF_LITTLE = [0x49, 0x49, 0x2a, 0x00];
const TIFF_BIG = [0x4d, 0x4d, 0x00, 0x2a];

const hasAt = (bytes: Uint8Array, at: number, wanted: readonly number[]) =>
  wanted.every((value, i) => bytes[at + i] === value);

/** The type of an image file by its first 12 bytes, or null for everything that is not taken. */
export function imageTypeOf(bytes: Uint8Array): ImageType | null {
  if (hasAt(bytes, 0, [0xff, 0xd8, 0xff])) return 'image/jpeg';
  if (hasAt(bytes, 0, PNG)) return 'image/png';
  if (hasAt(bytes, 0, RIFF) && hasAt(bytes, 8, WEBP)) return 'image/webp';
  if (hasAt(bytes, 0, TIFF_LITTLE) || hasAt(bytes, 0, TIFF_BIG)) return 'image/tiff';
  return null;
}
