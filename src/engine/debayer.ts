/** Bilinear demosaicing of an 8-bit Bayer mosaic. Pure. */

/**
 * Every missing colour is the mean of its nearest neighbours of that colour; at the border, of those that exist.
 *
 *   RG: R G R G      the mosaic's first red pixel is at (redX, redY) of each 2x2 cell:
 *       G B G B      RG (0,0), GR (1,0), GB (0,1), BG (1,1)
 *
 * @param mosaic uint8, width*height
 * @returns uint8 HWC, RGB
 */
export function debayer(mosaic: Uint8Array, width: number, height: number, redX: 0 | 1, redY: 0 | 1): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  const mean = (x: number, y: number, offsets: readonly (readonly [number, number])[], own: number) => {
    let sum = 0;
    let count = 0;
    for (const [dx, dy] of offsets) {
      const nx = x + dx;
      const ny = y + dy;
      if (nx < 0 || ny < 0 || nx >= width || ny >= height) continue;
      sum += mosaic[ny * width + nx] ?? 0;
      count++;
    }
    // An image of one row or column has no neighbour of that colour: grey is the honest guess.
    return count === 0 ? own : Math.round(sum / count);
  };
  for (let y = 0; y < height; y++) {
    const isRedRow = y % 2 === redY;
    for (let x = 0; x < width; x++) {
      const isRedColumn = x % 2 === redX;
      const own = mosaic[y * width + x] ?? 0;
      const to = (y * width + x) * 3;
      if (isRedRow === isRedColumn) {
        const opposite = mean(x, y, DIAGONAL, own);
        out[to] = isRedRow ? own : opposite;
        out[to + 1] = mean(x, y, CROSS, own);
        out[to + 2] = isRedRow ? opposite : own;
      } else {
        const beside = mean(x, y, BESIDE, own);
        const above = mean(x, y, ABOVE, own);
        out[to] = isRedRow ? beside : above;
        out[to + 1] = own;
        out[to + 2] = isRedRow ? above : beside;
      }
    }
  }
  return out;
}

const BESIDE = [
  [-1, 0],
  [1, 0],
] as const;
const ABOVE = [
  [0, -1],
  [0, 1],
] as const;
const CROSS = [...BESIDE, ...ABOVE] as const;
const DIAGONAL = [
  [-1, -1],
  [1, -1],
  [-1, 1],
  [1, 1],
] as const;
