/**
 * Where is the defect that the model sees? Paint a spot over with what surrounds it and ask again: where the log-odds of a
 * defect fall most, there it was. Needs nothing of the graph but its probability (Zeiler & Fergus 2014, with the grey square
 * replaced by the surroundings, since on a part a grey square is itself a defect).
 *
 *   windows of 1, 2 and 3 cells' width, one cell apart: a small one hides a small defect alone, and only a large one takes
 *   enough of a large defect for a sure model to doubt; a cell's heat is what the windows over it took away, in the mean of each
 *   width, summed
 */

/** Cells along the longer edge. Costs 10^2 + 9^2 + 8^2 = 245 runs of a square model. */
const CELLS = 10;
const WIDTHS = [1, 2, 3];
/** A fall of the log-odds below this is no defect found: it stays cool, however much it is the largest. */
const LEAST_PEAK = 0.5;
/** A float32 sigmoid says nothing finer near 1. */
const EPSILON = 3e-8;

export interface Grid {
  readonly columns: number;
  readonly rows: number;
  /** Row by row, 0..1. */
  readonly values: readonly number[];
}

export interface Shape {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Pixels from `left`, `top` to just before `right`, `bottom`. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** About square cells, at least two each way. */
export function gridOf({ width, height }: Pick<Shape, 'width' | 'height'>): { columns: number; rows: number } {
  const cell = Math.max(width, height) / CELLS;
  const along = (pixels: number) => Math.max(2, Math.min(pixels, Math.round(pixels / cell)));
  return { columns: along(width), rows: along(height) };
}

/** `pixels` (uint8 HWC) with the box painted over: each pixel the mean of the four just outside of it, nearer ones counting more. */
export function paintedOver(pixels: Uint8Array, { width, height, channels }: Shape, box: Box): Uint8Array {
  const out = pixels.slice();
  const at = (x: number, y: number, c: number) => pixels[(y * width + x) * channels + c] ?? 0;
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let weight = 0;
        const add = (value: number, distance: number) => {
          sum += value / distance;
          weight += 1 / distance;
        };
        if (box.left > 0) add(at(box.left - 1, y, c), x - box.left + 1);
        if (box.right < width) add(at(box.right, y, c), box.right - x);
        if (box.top > 0) add(at(x, box.top - 1, c), y - box.top + 1);
        if (box.bottom < height) add(at(x, box.bottom, c), box.bottom - y);
        if (weight > 0) out[(y * width + x) * channels + c] = Math.round(sum / weight);
      }
    }
  }
  return out;
}

/**
 * @param score probabilities of a defect, one per picture handed in
 * @param probability what the model says of the whole picture
 * @param batch pictures that are handed in at once
 * @throws what `score` throws; a score that is no number counts as no change
 */
export async function occlusionMap(
  pixels: Uint8Array,
  shape: Shape,
  probability: number,
  batch: number,
  score: (pictures: readonly Uint8Array[]) => Promise<ArrayLike<number>>,
): Promise<Grid> {
  const { columns, rows } = gridOf(shape);
  const whole = logOdds(probability);
  const heat = new Float64Array(columns * rows);
  for (const width of WIDTHS) {
    const windows = windowsOf(columns, rows, width);
    const falls = new Float64Array(columns * rows);
    const counts = new Uint8Array(columns * rows);
    for (let start = 0; start < windows.length; start += batch) {
      const some = windows.slice(start, start + batch);
      const scores = await score(some.map((cells) => paintedOver(pixels, shape, boxOf(cells, shape, columns, rows))));
      for (const [i, cells] of some.entries()) {
        const fall = Math.max(0, whole - logOdds(scores[i] ?? Number.NaN)) || 0;
        for (const at of indicesOf(cells, columns)) {
          falls[at] = (falls[at] ?? 0) + fall;
          counts[at] = (counts[at] ?? 0) + 1;
        }
      }
    }
    for (const [at, fall] of falls.entries()) heat[at] = (heat[at] ?? 0) + fall / Math.max(1, counts[at] ?? 1);
  }
  const peak = Math.max(LEAST_PEAK, ...heat);
  return { columns, rows, values: Array.from(heat, (value) => rounded(value / peak)) };
}

/** Every window of `width` x `width` cells, in cells; none where the grid is narrower. */
function windowsOf(columns: number, rows: number, width: number): Box[] {
  const windows: Box[] = [];
  for (let top = 0; top + width <= rows; top++) {
    for (let left = 0; left + width <= columns; left++) {
      windows.push({ left, top, right: left + width, bottom: top + width });
    }
  }
  return windows;
}

function boxOf({ left, top, right, bottom }: Box, { width, height }: Shape, columns: number, rows: number): Box {
  return {
    left: Math.round((left * width) / columns),
    right: Math.round((right * width) / columns),
    top: Math.round((top * height) / rows),
    bottom: Math.round((bottom * height) / rows),
  };
}

function indicesOf({ left, top, right, bottom }: Box, columns: number): number[] {
  const indices: number[] = [];
  for (let row = top; row < bottom; row++) for (let c = left; c < right; c++) indices.push(row * columns + c);
  return indices;
}

/**
 * A graph's own map as a grid. Values within 0..1 are taken as they are (the map of a good part stays cool); others are cut at 0
 * and scaled by the largest.
 */
export function gridFromMap(data: ArrayLike<number>, rows: number, columns: number): Grid {
  const values = Array.from({ length: rows * columns }, (_, i) => data[i] ?? Number.NaN).map((value) =>
    Number.isFinite(value) ? Math.max(0, value) : 0,
  );
  const scale = Math.max(1, ...values);
  return { columns, rows, values: values.map((value) => rounded(value / scale)) };
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;

function logOdds(probability: number): number {
  const p = Math.min(1 - EPSILON, Math.max(EPSILON, probability));
  return Math.log(p / (1 - p));
}
