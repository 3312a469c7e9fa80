/** Puts what was taught behind the backbone's graph: one self-contained ONNX model. */

import { type Familiarity, RAMP, rampStart } from './familiarity.ts';
import type { PatchClassifier } from './marked-patches.ts';
import { extendedGraph, type GraphNode, type GraphTensor, oneOutput as node } from './onnx-graph.ts';
import { PATCH_CLIP, type PatchMemory, worstOf } from './patch-memory.ts';
import { MISFIT, MISFIT_MAP, placeGraph } from './place-graph.ts';
import type { PlaceMemory } from './places.ts';

export interface LinearHead {
  /** Of the embedding on the training images, [width]. */
  readonly means: Float64Array;
  /** [width], above zero. */
  readonly deviations: Float64Array;
  /** Standardised features are held within -clip..clip: a part unlike any seen before is not pushed to certainty by one feature. */
  readonly clip: number;
  /** [width] */
  readonly weights: Float64Array;
  readonly bias: number;
}

/** probability = sigmoid(linear + patchWeight * strangeness + placeWeight * misfit + markWeight * markedness). */
export interface TaughtHead {
  readonly linear: LinearHead;
  readonly memory: PatchMemory;
  readonly patchWeight: number;
  readonly places: PlaceMemory;
  readonly placeWeight: number;
  /** What masks taught; null without masks. */
  readonly marks: PatchClassifier | null;
  readonly markWeight: number;
  readonly familiarity: Familiarity;
  /** Distances that the heat map shows as 0 and as 1. */
  readonly mapRange: readonly [number, number];
  /** As `mapRange`, of misfits. */
  readonly placeRange: readonly [number, number];
}

export interface PatchGrid {
  /** Output of the backbone, float32 [N, rows * columns, width]. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
}

/** Names in the graph that a taught package serves. */
export const TAUGHT_OUTPUT = {
  name: 'defect_probability',
  kind: 'probability',
  unfamiliarity: 'unfamiliarity',
} as const;
export const MAP_NAME = 'activation_map';
/** For the plane in `loupe evaluate --report`. */
export const EMBEDDING_NAME = 'embedding';

/**
 * Outputs `defect_probability` and `unfamiliarity` float32 [N,1], `activation_map` float32 [N,rows,columns], 0..1, and `embedding` float32 [N,features],
 * standardised.
 * @param blocks outputs of the backbone that are the embedding, each float32 [N,width], in the order of the head's weights
 * @param placeSource output of the backbone, float32 [N, squares, width], of which the head's places are
 * @throws BackboneError when the backbone is no ONNX model or lacks an output
 */
export function taughtGraph(
  backbone: Uint8Array,
  blocks: readonly string[],
  grid: PatchGrid,
  placeSource: string,
  head: TaughtHead,
): Uint8Array {
  const { linear, memory, patchWeight, marks, markWeight, familiarity } = head;
  const [low, high] = head.mapRange;
  const places = placeGraph(placeSource, head.places, head.placeRange, grid);
  const { width } = memory;
  const kept = memory.values.length / width;
  const features = linear.weights.length;
  const squares = Float64Array.from({ length: kept }, (_, i) =>
    memory.values.subarray(i * width, (i + 1) * width).reduce((sum, each) => sum + each * each, 0),
  );
  // |a - b|^2 = |a|^2 - 2 a.b + |b|^2: one product for all patches and rows.
  const turned = new Float64Array(width * kept);
  for (let i = 0; i < kept; i++) {
    for (let j = 0; j < width; j++) turned[j * kept + i] = -2 * (memory.values[i * width + j] ?? 0);
  }
  const one = (value: number) => Float64Array.of(value);
  const tensors: GraphTensor[] = [
    { name: 'head.means', dims: [features], values: linear.means },
    { name: 'head.factors', dims: [features], values: linear.deviations.map((deviation) => 1 / deviation) },
    { name: 'head.least', dims: [], values: one(-linear.clip) },
    { name: 'head.most', dims: [], values: one(linear.clip) },
    { name: 'head.weights', dims: [features, 1], values: linear.weights },
    { name: 'head.bias', dims: [1], values: one(linear.bias) },
    { name: 'kind.shares', dims: [features, 1], values: familiarity.shares },
    { name: 'kind.start', dims: [], values: one(rampStart(familiarity.limit)) },
    { name: 'kind.factor', dims: [], values: one(1 / (RAMP * familiarity.limit)) },
    { name: 'patch.means', dims: [width], values: memory.scale.means },
    { name: 'patch.factors', dims: [width], values: memory.scale.deviations.map((deviation) => 1 / deviation) },
    { name: 'patch.least', dims: [], values: one(-PATCH_CLIP) },
    { name: 'patch.most', dims: [], values: one(PATCH_CLIP) },
    { name: 'patch.memory', dims: [width, kept], values: turned },
    { name: 'patch.squares', dims: [kept], values: squares },
    { name: 'patch.worst', dims: [1], values: BigInt64Array.of(BigInt(worstOf(grid.rows * grid.columns))) },
    { name: 'patch.weight', dims: [1], values: one(patchWeight) },
    { name: 'place.weight', dims: [1], values: one(head.placeWeight) },
    { name: 'map.low', dims: [], values: one(low) },
    { name: 'map.factor', dims: [], values: one(1 / (high - low)) },
    { name: 'map.zero', dims: [], values: one(0) },
    { name: 'map.one', dims: [], values: one(1) },
    { name: 'map.shape', dims: [3], values: BigInt64Array.of(-1n, BigInt(grid.rows), BigInt(grid.columns)) },
    ...places.tensors,
  ];
  const nodes: GraphNode[] = [
    node('Concat', blocks, 'head.embedding', { axis: 1 }),
    node('Sub', ['head.embedding', 'head.means'], 'head.centred'),
    node('Mul', ['head.centred', 'head.factors'], 'head.scaled'),
    node('Clip', ['head.scaled', 'head.least', 'head.most'], EMBEDDING_NAME),
    node('MatMul', [EMBEDDING_NAME, 'head.weights'], 'head.product'),
    node('Add', ['head.product', 'head.bias'], 'head.linear'),
    node('Mul', [EMBEDDING_NAME, EMBEDDING_NAME], 'kind.squares'),
    node('MatMul', ['kind.squares', 'kind.shares'], 'kind.distance'),
    node('Sub', ['kind.distance', 'kind.start'], 'kind.beyond'),
    node('Mul', ['kind.beyond', 'kind.factor'], 'kind.ramp'),
    node('Clip', ['kind.ramp', 'map.zero', 'map.one'], TAUGHT_OUTPUT.unfamiliarity),
    node('Sub', [grid.name, 'patch.means'], 'patch.centred'),
    node('Mul', ['patch.centred', 'patch.factors'], 'patch.scaled'),
    node('Clip', ['patch.scaled', 'patch.least', 'patch.most'], 'patch.standardised'),
    node('ReduceSumSquare', ['patch.standardised'], 'patch.own', { axes: [2], keepdims: 1 }),
    node('MatMul', ['patch.standardised', 'patch.memory'], 'patch.products'),
    node('Add', ['patch.products', 'patch.squares'], 'patch.relative'),
    node('ReduceMin', ['patch.relative'], 'patch.nearest', { axes: [2], keepdims: 1 }),
    node('Add', ['patch.own', 'patch.nearest'], 'patch.signed'),
    // Rounding can leave a little less than nothing.
    node('Relu', ['patch.signed'], 'patch.squared'),
    node('Sqrt', ['patch.squared'], 'patch.distances'),
    {
      operator: 'TopK',
      inputs: ['patch.distances', 'patch.worst'],
      outputs: ['patch.top', 'patch.where'],
      attributes: { axis: 1 },
    },
    node('ReduceMean', ['patch.top'], 'patch.strangeness', { axes: [1], keepdims: 0 }),
    node('Mul', ['patch.strangeness', 'patch.weight'], 'patch.logit'),
    node('Add', ['head.linear', 'patch.logit'], 'head.either'),
    ...places.nodes,
    node('Mul', [MISFIT, 'place.weight'], 'place.logit'),
    node('Add', ['head.either', 'place.logit'], 'head.logit'),
    node('Sub', ['patch.distances', 'map.low'], 'map.above'),
    node('Mul', ['map.above', 'map.factor'], 'map.scaled'),
    node('Clip', ['map.scaled', 'map.zero', 'map.one'], 'map.clipped'),
  ];
  if (marks === null) {
    nodes.push(
      node('Sigmoid', ['head.logit'], TAUGHT_OUTPUT.name),
      node('Max', ['map.clipped', MISFIT_MAP], 'map.any'),
      node('Reshape', ['map.any', 'map.shape'], MAP_NAME),
    );
  } else {
    tensors.push(
      { name: 'mark.weights', dims: [width, 1], values: marks.weights },
      { name: 'mark.bias', dims: [1], values: one(marks.bias) },
      { name: 'mark.weight', dims: [1], values: one(markWeight) },
    );
    nodes.push(
      node('MatMul', ['patch.standardised', 'mark.weights'], 'mark.product'),
      node('Add', ['mark.product', 'mark.bias'], 'mark.logits'),
      {
        operator: 'TopK',
        inputs: ['mark.logits', 'patch.worst'],
        outputs: ['mark.top', 'mark.where'],
        attributes: { axis: 1 },
      },
      node('ReduceMean', ['mark.top'], 'mark.markedness', { axes: [1], keepdims: 0 }),
      node('Mul', ['mark.markedness', 'mark.weight'], 'mark.logit'),
      node('Add', ['head.logit', 'mark.logit'], 'mark.sum'),
      node('Sigmoid', ['mark.sum'], TAUGHT_OUTPUT.name),
      node('Sigmoid', ['mark.logits'], 'mark.map'),
      node('Max', ['map.clipped', MISFIT_MAP, 'mark.map'], 'map.any'),
      node('Reshape', ['map.any', 'map.shape'], MAP_NAME),
    );
  }
  const outputs = [
    { name: TAUGHT_OUTPUT.name, shape: ['n', 1] },
    { name: TAUGHT_OUTPUT.unfamiliarity, shape: ['n', 1] },
    { name: MAP_NAME, shape: ['n', grid.rows, grid.columns] },
    { name: EMBEDDING_NAME, shape: ['n', features] },
  ];
  return extendedGraph(backbone, [...blocks, grid.name, placeSource], { nodes, tensors, outputs });
}
