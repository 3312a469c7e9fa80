/**
 * Puts a linear head behind a backbone's graph: one self-contained ONNX model. Field numbers are those of the public onnx.proto
 * (IR version 3 and later); whatever a message holds beside the fields named here is copied as it is.
 */

import protobuf from 'protobufjs/minimal.js';

const { Reader, Writer } = protobuf;

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

/** Names in the graph that a taught package serves. */
export const OUTPUT_NAME = 'defect_probability';

const MODEL_GRAPH = 7;
const GRAPH = { node: 1, initializer: 5, output: 12 } as const;
const NODE = { input: 1, output: 2, name: 3, operator: 4 } as const;
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9 } as const;
const FLOAT = 1;
/** Protobuf wire type of a length-delimited field. */
const BYTES = 2;

/** The model is not what a backbone must be. */
export class BackboneError extends Error {
  override readonly name = 'BackboneError';
}

/**
 * sigmoid(clip((embedding - means) / deviations) . weights + bias) as `defect_probability`, float32 [N,1].
 * @param backbone bytes of an ONNX model whose one output is `embedding`, float32 [N,width]
 * @throws BackboneError when it is no ONNX model or has other outputs
 */
export function withLinearHead(backbone: Uint8Array, embedding: string, head: LinearHead): Uint8Array {
  const parts: Uint8Array[] = [];
  let hasGraph = false;
  for (const { field, bytes, whole } of fieldsOf(backbone)) {
    if (field === MODEL_GRAPH && bytes !== null) {
      hasGraph = true;
      parts.push(framed(MODEL_GRAPH, extended(bytes, embedding, head)));
    } else {
      parts.push(whole);
    }
  }
  if (!hasGraph) throw new BackboneError('expected an ONNX model with a graph');
  return Buffer.concat(parts);
}

function extended(graph: Uint8Array, embedding: string, head: LinearHead): Uint8Array {
  const parts: Uint8Array[] = [];
  const outputs: string[] = [];
  for (const { field, bytes, whole } of fieldsOf(graph)) {
    if (field === GRAPH.output && bytes !== null) outputs.push(nameOf(bytes));
    else parts.push(whole);
  }
  if (outputs.length !== 1 || outputs[0] !== embedding) {
    throw new BackboneError(`expected one output "${embedding}", the graph has ${outputs.join(', ') || 'none'}`);
  }
  const width = head.weights.length;
  const tensors: [string, readonly number[], Float64Array][] = [
    ['head.means', [width], head.means],
    ['head.factors', [width], head.deviations.map((deviation) => 1 / deviation)],
    ['head.least', [], Float64Array.of(-head.clip)],
    ['head.most', [], Float64Array.of(head.clip)],
    ['head.weights', [width, 1], head.weights],
    ['head.bias', [1], Float64Array.of(head.bias)],
  ];
  for (const [name, dims, values] of tensors) {
    parts.push(framed(GRAPH.initializer, tensor(name, dims, values)));
  }
  const nodes: [string, readonly string[], string][] = [
    ['Sub', [embedding, 'head.means'], 'head.centred'],
    ['Mul', ['head.centred', 'head.factors'], 'head.scaled'],
    ['Clip', ['head.scaled', 'head.least', 'head.most'], 'head.standardised'],
    ['MatMul', ['head.standardised', 'head.weights'], 'head.product'],
    ['Add', ['head.product', 'head.bias'], 'head.logit'],
    ['Sigmoid', ['head.logit'], OUTPUT_NAME],
  ];
  for (const [operator, inputs, output] of nodes) {
    parts.push(framed(GRAPH.node, node(operator, inputs, output)));
  }
  parts.push(framed(GRAPH.output, valueInfo(OUTPUT_NAME)));
  return Buffer.concat(parts);
}

function node(operator: string, inputs: readonly string[], output: string): Uint8Array {
  const writer = Writer.create();
  for (const input of inputs) writer.uint32(tag(NODE.input)).string(input);
  writer.uint32(tag(NODE.output)).string(output);
  writer.uint32(tag(NODE.name)).string(output);
  return writer.uint32(tag(NODE.operator)).string(operator).finish();
}

function tensor(name: string, dims: readonly number[], values: Float64Array): Uint8Array {
  const writer = Writer.create();
  for (const dim of dims) writer.uint32(TENSOR.dims << 3).int64(dim);
  writer.uint32(TENSOR.type << 3).int32(FLOAT);
  writer.uint32(tag(TENSOR.name)).string(name);
  // raw_data is little-endian by the standard, whatever this machine is.
  const raw = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) raw.setFloat32(4 * i, value, true);
  return writer.uint32(tag(TENSOR.raw)).bytes(new Uint8Array(raw.buffer)).finish();
}

/** ValueInfoProto of float32 ["n", 1]. */
function valueInfo(name: string): Uint8Array {
  const batch = Writer.create().uint32(tag(2)).string('n').finish();
  const one = Writer.create()
    .uint32(1 << 3)
    .int64(1)
    .finish();
  const shape = Writer.create().uint32(tag(1)).bytes(batch).uint32(tag(1)).bytes(one).finish();
  const type = Writer.create()
    .uint32(1 << 3)
    .int32(FLOAT)
    .uint32(tag(2))
    .bytes(shape)
    .finish();
  const typeProto = Writer.create().uint32(tag(1)).bytes(type).finish();
  return Writer.create().uint32(tag(1)).string(name).uint32(tag(2)).bytes(typeProto).finish();
}

interface Field {
  readonly field: number;
  /** Content of a length-delimited field, else null. */
  readonly bytes: Uint8Array | null;
  /** The field as it stands, tag and all. */
  readonly whole: Uint8Array;
}

function fieldsOf(message: Uint8Array): Field[] {
  const reader = Reader.create(message);
  const fields: Field[] = [];
  try {
    while (reader.pos < reader.len) {
      const from = reader.pos;
      const head = reader.uint32();
      let bytes: Uint8Array | null = null;
      if ((head & 7) === BYTES) bytes = reader.bytes();
      else reader.skipType(head & 7);
      fields.push({ field: head >>> 3, bytes, whole: message.subarray(from, reader.pos) });
    }
  } catch (error) {
    throw new BackboneError('expected an ONNX model, the file is no protobuf message', { cause: error });
  }
  return fields;
}

function nameOf(valueInfo: Uint8Array): string {
  const name = fieldsOf(valueInfo).find(({ field }) => field === 1)?.bytes;
  return name === undefined || name === null ? '' : new TextDecoder().decode(name);
}

function tag(field: number): number {
  return (field << 3) | BYTES;
}

function framed(field: number, content: Uint8Array): Uint8Array {
  return Writer.create().uint32(tag(field)).bytes(content).finish();
}
