/** Bilinear demosaicing of an 8-bit Bayer mosaic. Pure. */

/**
 * Every missing colour is the mean of its nearest neighbours of that colour. At the border the mosaic is mirrored, which
 * keeps each colour in its place.
 *
 *   RG: R G R G      the mosaic's first red pixel is at (redX, redY) of each 2x2 cell:
 *       G B G B      RG (0,0), GR (1,0), GB (0,1), BG (1,1)
 *
 * @param mosaic uint8, width*height
 * @returns uint8 HWC, RGB
 */
export function debayer(mosaic: Uint8Array, width: number, height: number, redX: 0 | 1, redY: 0 | 1): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  const at = (i: number) => mosaic[i] ?? 0;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const above = mirrored(y - 1, height) * width;
    const below = mirrored(y + 1, height) * width;
    const isRedRow = y % 2 === redY;
    // Where the row's own colour (red or blue) and the other one go.
    const [own, other] = isRedRow ? [0, 2] : [2, 0];
    const firstOwn = isRedRow ? redX : 1 - redX;
    for (let x = 0; x < width; x++) {
      const left = mirrored(x - 1, width);
      const right = mirrored(x + 1, width);
      const here = at(row + x);
      const beside = at(row + left) + at(row + right);
      const upright = at(above + x) + at(below + x);
      const to = (row + x) * 3;
      if (x % 2 === firstOwn) {
        out[to + own] = here;
        out[to + 1] = (beside + upright + 2) >> 2;
        out[to + other] = (at(above + left) + at(above + right) + at(below + left) + at(below + right) + 2) >> 2;
      } else {
        out[to + own] = (beside + 1) >> 1;
        out[to + 1] = here;
        out[to + other] = (upright + 1) >> 1;
      }
    }
  }
  return out;
}

/** -1 becomes 1 and `size` becomes size - 2; an image of a single row or column mirrors onto itself. */
function mirrored(i: number, size: number): number {
  if (size === 1) return 0;
  return i < 0 ? 1 : i >= size ? size - 2 : i;
}
