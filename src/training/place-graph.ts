/** The misfit of places (places.ts) as a part of the taught graph. */

import { type GraphNode, type GraphTensor, oneOutput as node } from './onnx-graph.ts';
import { PLACE_WIDTH, type PlaceMemory, REACH, worstPlaces } from './places.ts';

export interface PlaceGraph {
  readonly nodes: readonly GraphNode[];
  readonly tensors: readonly GraphTensor[];
}

/** Names in the graph: the misfit, float32 [N,1], and the map of misfits from 0 to 1, float32 [N, rows * columns of the map, 1]. */
export const MISFIT = 'place.misfit';
export const MISFIT_MAP = 'place.map';

/**
 * |a - b|^2 = |a|^2 - 2 a.b + |b|^2 of every square, moved by up to `REACH` either way, and what each good part shows at its place:
 * one product. The least of a place is then gathered from where its square was moved to.
 * @param source output of the backbone, float32 [N, rows * columns, at least PLACE_WIDTH]
 * @param range misfits that the map shows as 0 and as 1
 * @param map its grid, of which the grid of places is a multiple
 */
export function placeGraph(
  source: string,
  { kept, spread }: PlaceMemory,
  [low, high]: readonly [number, number],
  map: { readonly rows: number; readonly columns: number },
): PlaceGraph {
  const [{ rows, columns } = { rows: 0, columns: 0 }] = kept;
  const squares = rows * columns;
  const moves = movesOf(rows, columns);
  const { turned, squaresOfKept } = turnedOf(kept, squares);
  const one = (value: number) => Float64Array.of(value);
  const whole = (...values: readonly number[]) => BigInt64Array.from(values, BigInt);
  const factor = rows / map.rows;
  return {
    tensors: [
      { name: 'place.first', dims: [1], values: whole(0) },
      { name: 'place.end', dims: [1], values: whole(PLACE_WIDTH) },
      { name: 'place.axis', dims: [1], values: whole(2) },
      { name: 'place.moved', dims: [squares * moves.count], values: whole(...moves.from) },
      { name: 'place.fourfold', dims: [4], values: whole(-1, squares, moves.count, PLACE_WIDTH) },
      { name: 'place.memory', dims: [squares, PLACE_WIDTH, kept.length], values: turned },
      { name: 'place.squares', dims: [squares, 1, kept.length], values: squaresOfKept },
      { name: 'place.row', dims: [2], values: whole(-1, squares * moves.count) },
      { name: 'place.back', dims: [squares * moves.count], values: whole(...moves.to) },
      { name: 'place.threefold', dims: [3], values: whole(-1, squares, moves.count) },
      { name: 'place.spread', dims: [squares], values: spread },
      { name: 'place.worst', dims: [1], values: whole(worstPlaces(squares)) },
      { name: 'place.grid', dims: [4], values: whole(-1, 1, rows, columns) },
      { name: 'place.list', dims: [3], values: whole(-1, map.rows * map.columns, 1) },
      { name: 'place.low', dims: [], values: one(low) },
      { name: 'place.factor', dims: [], values: one(1 / (high - low)) },
      { name: 'place.zero', dims: [], values: one(0) },
      { name: 'place.one', dims: [], values: one(1) },
    ],
    nodes: [
      node('Slice', [source, 'place.first', 'place.end', 'place.axis'], 'place.seen'),
      node('Gather', ['place.seen', 'place.moved'], 'place.near', { axis: 1 }),
      node('Reshape', ['place.near', 'place.fourfold'], 'place.each'),
      node('ReduceSumSquare', ['place.each'], 'place.own', { axes: [3], keepdims: 0 }),
      node('MatMul', ['place.each', 'place.memory'], 'place.products'),
      node('Add', ['place.products', 'place.squares'], 'place.relative'),
      node('ReduceMin', ['place.relative'], 'place.nearest', { axes: [3], keepdims: 0 }),
      node('Add', ['place.own', 'place.nearest'], 'place.signed'),
      node('Reshape', ['place.signed', 'place.row'], 'place.all'),
      node('Gather', ['place.all', 'place.back'], 'place.returned', { axis: 1 }),
      node('Reshape', ['place.returned', 'place.threefold'], 'place.candidates'),
      node('ReduceMin', ['place.candidates'], 'place.least', { axes: [2], keepdims: 0 }),
      // Rounding can leave a little less than nothing.
      node('Relu', ['place.least'], 'place.squared'),
      node('Sqrt', ['place.squared'], 'place.distances'),
      node('Div', ['place.distances', 'place.spread'], 'place.misfits'),
      {
        operator: 'TopK',
        inputs: ['place.misfits', 'place.worst'],
        outputs: ['place.top', 'place.where'],
        attributes: { axis: 1 },
      },
      node('ReduceMean', ['place.top'], MISFIT, { axes: [1], keepdims: 1 }),
      node('Reshape', ['place.misfits', 'place.grid'], 'place.picture'),
      node('MaxPool', ['place.picture'], 'place.pooled', { kernel_shape: [factor, factor], strides: [factor, factor] }),
      node('Reshape', ['place.pooled', 'place.list'], 'place.listed'),
      node('Sub', ['place.listed', 'place.low'], 'place.above'),
      node('Mul', ['place.above', 'place.factor'], 'place.scaled'),
      node('Clip', ['place.scaled', 'place.zero', 'place.one'], MISFIT_MAP),
    ],
  };
}

interface Moves {
  readonly count: number;
  /** [squares * count]: the square that comes to lie at each place by each move; any one where none does. */
  readonly from: readonly number[];
  /** [squares * count]: where each square is after each move, as a position in `from`; where it was, when it left the picture. */
  readonly to: readonly number[];
}

function movesOf(rows: number, columns: number): Moves {
  const steps = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH);
  const moves = steps.flatMap((down) => steps.map((right) => ({ down, right })));
  const still = moves.findIndex(({ down, right }) => down === 0 && right === 0);
  const isInside = (row: number, column: number) => row >= 0 && row < rows && column >= 0 && column < columns;
  const from: number[] = [];
  const to: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const square = row * columns + column;
      for (const [k, { down, right }] of moves.entries()) {
        from.push(isInside(row - down, column - right) ? square - down * columns - right : square);
        const there = isInside(row + down, column + right);
        to.push(there ? (square + down * columns + right) * moves.length + k : square * moves.length + still);
      }
    }
  }
  return { count: moves.length, from, to };
}

/** What is kept, [squares, PLACE_WIDTH, kept] times -2, and its squared length, [squares, kept]. */
function turnedOf(kept: PlaceMemory['kept'], squares: number) {
  const turned = new Float64Array(squares * PLACE_WIDTH * kept.length);
  const squaresOfKept = new Float64Array(squares * kept.length);
  for (const [k, { values }] of kept.entries()) {
    for (let square = 0; square < squares; square++) {
      for (let j = 0; j < PLACE_WIDTH; j++) {
        const value = values[square * PLACE_WIDTH + j] ?? 0;
        turned[(square * PLACE_WIDTH + j) * kept.length + k] = -2 * value;
        const at = square * kept.length + k;
        squaresOfKept[at] = (squaresOfKept[at] ?? 0) + value * value;
      }
    }
  }
  return { turned, squaresOfKept };
}
