/** What each format's reader does. */

export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** Where the picture ends in its file; null where that cannot be told, or the file is meant to hold several. Never throws. */
export type EndFinder = (bytes: DataView) => number | null;

/** Null where the header is cut off, contradicts itself or names no pixels. Never throws. */
export type HeaderReader = (bytes: DataView) => Dimensions | null;
