/**
 * An ONNX file read with suspicion, before onnxruntime sees it: whether it is a whole ModelProto, and whether it keeps its
 * weights for itself. Weights in other files (external data) are a way out of the package: onnxruntime would follow them to
 * any path, so such a file is refused here.
 *
 * Field numbers: onnx/onnx.proto3 (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, FunctionProto).
 */

import protobuf from 'protobufjs/minimal.js';
import { messageOf } from '../errors.ts';

const EXTERNAL = 1;
const MAX_DEPTH = 32;

/** Which fields of a message hold which messages. */
const FIELDS = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
} as const satisfies Record<string, Record<number, string>>;

type Message = keyof typeof FIELDS;

const LENGTH_DELIMITED = 2;

/** What is wrong with the bytes of a model file; null when nothing is that can be seen without running it. */
export function onnxFault(bytes: Uint8Array): string | null {
  const seen = { hasGraph: false, external: 0 };
  try {
    walk(protobuf.Reader.create(bytes), bytes.length, 'model', 0, seen);
  } catch (error) {
    return `expected an ONNX file, got bytes that are none (${messageOf(error)})`;
  }
  if (!seen.hasGraph) return 'expected an ONNX file, got one without a graph';
  if (seen.external > 0) {
    return `expected one self-contained file, got ${seen.external} tensors kept in other files (external data)`;
  }
  return null;
}

function walk(
  reader: protobuf.Reader,
  end: number,
  message: Message,
  depth: number,
  seen: { hasGraph: boolean; external: number },
): void {
  if (depth > MAX_DEPTH) throw new Error('nested too deeply');
  const inner: Readonly<Record<number, Message>> = FIELDS[message];
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    const wireType = tag & 7;
    if (field === 0) throw new Error('a field without a number');
    const child = inner[field];
    if (child !== undefined && wireType === LENGTH_DELIMITED) {
      const length = reader.uint32();
      const childEnd = reader.pos + length;
      if (childEnd > end) throw new Error('a message ends behind its own end');
      if (message === 'model' && child === 'graph') seen.hasGraph = true;
      walk(reader, childEnd, child, depth + 1, seen);
    } else if (message === 'tensor' && field === 13) {
      seen.external++;
      reader.skipType(wireType);
    } else if (message === 'tensor' && field === 14 && wireType === 0) {
      if (reader.uint32() === EXTERNAL) seen.external++;
    } else {
      reader.skipType(wireType);
    }
  }
  if (reader.pos !== end) throw new Error('a field ends behind its message');
}
