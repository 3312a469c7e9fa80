/** What each format's reader does. */

export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** Null where the header is cut off, contradicts itself or names no pixels. Never throws. */
export type HeaderReader = (bytes: DataView) => Dimensions | null;
