/**
 * Reads and extends ONNX models as the protobuf messages they are. Field numbers are those of the public onnx.proto (IR version 3
 * and later); whatever a message holds beside the fields named here is copied as it is.
 */

import protobuf from 'protobufjs/minimal.js';

const { Reader, Writer } = protobuf;

const MODEL_GRAPH = 7;
const GRAPH = { node: 1, initializer: 5, output: 12 } as const;
const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5 } as const;
const ATTRIBUTE = { name: 1, int: 3, ints: 8, type: 20 } as const;
const ATTRIBUTE_TYPE = { int: 2, ints: 7 } as const;
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9 } as const;
const TYPE = { float: 1, int64: 7 } as const;
/** Protobuf wire type of a length-delimited field. */
const BYTES = 2;

/** The model is not what a backbone must be. */
export class BackboneError extends Error {
  override readonly name = 'BackboneError';
}

export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface GraphTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** Float64Array and Float32Array become float32, BigInt64Array int64. */
  readonly values: Float64Array | Float32Array | BigInt64Array;
}

export interface GraphOutput {
  readonly name: string;
  /** Of float32; a string is a free axis. */
  readonly shape: readonly (number | string)[];
}

/** What is put behind a graph. Its outputs are the only ones then. */
export interface GraphTail {
  readonly nodes: readonly GraphNode[];
  readonly tensors: readonly GraphTensor[];
  readonly outputs: readonly GraphOutput[];
}

/**
 * @param expected outputs that the graph must have: what the tail builds on
 * @throws BackboneError when it is no ONNX model or lacks one of them
 */
export function extendedGraph(model: Uint8Array, expected: readonly string[], tail: GraphTail): Uint8Array {
  const parts: Uint8Array[] = [];
  let hasGraph = false;
  for (const { field, bytes, whole } of fieldsOf(model)) {
    if (field === MODEL_GRAPH && bytes !== null) {
      hasGraph = true;
      parts.push(framed(MODEL_GRAPH, extended(bytes, expected, tail)));
    } else {
      parts.push(whole);
    }
  }
  if (!hasGraph) throw new BackboneError('expected an ONNX model with a graph');
  return Buffer.concat(parts);
}

function extended(graph: Uint8Array, expected: readonly string[], { nodes, tensors, outputs }: GraphTail): Uint8Array {
  const parts: Uint8Array[] = [];
  const found: string[] = [];
  for (const { field, bytes, whole } of fieldsOf(graph)) {
    if (field === GRAPH.output && bytes !== null) found.push(nameOf(bytes));
    else parts.push(whole);
  }
  const missing = expected.filter((name) => !found.includes(name));
  if (missing.length > 0) {
    throw new BackboneError(
      `expected the outputs ${expected.join(', ')}, the graph has ${found.join(', ') || 'none'}: no ${missing.join(', ')}`,
    );
  }
  for (const each of tensors) parts.push(framed(GRAPH.initializer, tensor(each)));
  for (const each of nodes) parts.push(framed(GRAPH.node, node(each)));
  for (const each of outputs) parts.push(framed(GRAPH.output, valueInfo(each)));
  return Buffer.concat(parts);
}

/** A node with one output. */
export function oneOutput(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: NonNullable<GraphNode['attributes']> = {},
): GraphNode {
  return { operator, inputs, outputs: [output], attributes };
}

function node({ operator, inputs, outputs, attributes = {} }: GraphNode): Uint8Array {
  const writer = Writer.create();
  for (const input of inputs) writer.uint32(tag(NODE.input)).string(input);
  for (const output of outputs) writer.uint32(tag(NODE.output)).string(output);
  writer.uint32(tag(NODE.name)).string(outputs[0] ?? operator);
  writer.uint32(tag(NODE.operator)).string(operator);
  for (const [name, value] of Object.entries(attributes)) {
    writer.uint32(tag(NODE.attribute)).bytes(attribute(name, value));
  }
  return writer.finish();
}

function attribute(name: string, value: number | readonly number[]): Uint8Array {
  const writer = Writer.create().uint32(tag(ATTRIBUTE.name)).string(name);
  const isOne = typeof value === 'number';
  for (const each of isOne ? [value] : value) writer.uint32((isOne ? ATTRIBUTE.int : ATTRIBUTE.ints) << 3).int64(each);
  writer.uint32(ATTRIBUTE.type << 3).int32(isOne ? ATTRIBUTE_TYPE.int : ATTRIBUTE_TYPE.ints);
  return writer.finish();
}

function tensor({ name, dims, values }: GraphTensor): Uint8Array {
  const writer = Writer.create();
  const isFloat = !(values instanceof BigInt64Array);
  for (const dim of dims) writer.uint32(TENSOR.dims << 3).int64(dim);
  writer.uint32(TENSOR.type << 3).int32(isFloat ? TYPE.float : TYPE.int64);
  writer.uint32(tag(TENSOR.name)).string(name);
  // raw_data is little-endian by the standard, whatever this machine is.
  const raw = new DataView(new ArrayBuffer((isFloat ? 4 : 8) * values.length));
  for (const [i, value] of values.entries()) {
    if (typeof value === 'bigint') raw.setBigInt64(8 * i, value, true);
    else raw.setFloat32(4 * i, value, true);
  }
  return writer.uint32(tag(TENSOR.raw)).bytes(new Uint8Array(raw.buffer)).finish();
}

/** ValueInfoProto of float32. */
function valueInfo({ name, shape }: GraphOutput): Uint8Array {
  const dimensions = Writer.create();
  for (const dim of shape) {
    const each = Writer.create();
    if (typeof dim === 'string') each.uint32(tag(2)).string(dim);
    else each.uint32(1 << 3).int64(dim);
    dimensions.uint32(tag(1)).bytes(each.finish());
  }
  const type = Writer.create()
    .uint32(1 << 3)
    .int32(TYPE.float)
    .uint32(tag(2))
    .bytes(dimensions.finish())
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
