/**
 * Writes an ONNX file: just enough of the format (onnx.proto, IR 8, opset 17) for the networks of the bench, so that they
 * are made where they are measured and no weights lie in the repository.
 */

const VARINT = 0;
const LENGTH = 2;
const FLOAT = 1;
const UINT8 = 2;
const INT64 = 7;
const ATTRIBUTE = { int: 2, ints: 7 } as const;

type Attribute = number | readonly number[];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.from([...bytes, left]);
}

const int = (field: number, value: number) => Buffer.concat([varint(field * 8 + VARINT), varint(value)]);

function block(field: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint(field * 8 + LENGTH), varint(bytes.length), bytes]);
}

/** Whole numbers only: no network here needs an attribute with a fraction. */
function attribute(name: string, value: Attribute): Buffer {
  const content =
    typeof value === 'number'
      ? [int(3, value), int(20, ATTRIBUTE.int)]
      : [...value.map((entry) => int(8, entry)), int(20, ATTRIBUTE.ints)];
  return block(5, Buffer.concat([block(1, name), ...content]));
}

function tensorType(name: string, type: number, shape: readonly (number | string)[]): Buffer {
  const dims = shape.map((dim) => block(1, typeof dim === 'number' ? int(1, dim) : block(2, dim)));
  const tensor = Buffer.concat([int(1, type), block(2, Buffer.concat(dims))]);
  return Buffer.concat([block(1, name), block(2, block(1, tensor))]);
}

export class OnnxWriter {
  private readonly nodes: Buffer[] = [];
  private readonly tensors: Buffer[] = [];
  private count = 0;

  /** @returns the name of its one output */
  node(type: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, output?: string) {
    const name = output ?? `v${++this.count}`;
    const parts = [
      ...inputs.map((input) => block(1, input)),
      block(2, name),
      block(4, type),
      ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    ];
    this.nodes.push(block(1, Buffer.concat(parts)));
    return name;
  }

  /** A constant of the graph. @returns its name */
  constant(shape: readonly number[], values: Float32Array | BigInt64Array): string {
    const name = `w${++this.count}`;
    const raw = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    const type = values instanceof Float32Array ? FLOAT : INT64;
    const parts = [...shape.map((dim) => int(1, dim)), int(2, type), block(8, name), block(9, raw)];
    this.tensors.push(block(5, Buffer.concat(parts)));
    return name;
  }

  /**
   * @param input name of the one input: uint8 [n, size, size, 3]
   * @param output name of the one output: float32 [n, 1]
   */
  model(input: string, size: number, output: string): Uint8Array {
    const graph = Buffer.concat([
      ...this.nodes,
      block(2, 'bench'),
      ...this.tensors,
      block(11, tensorType(input, UINT8, ['n', size, size, 3])),
      block(12, tensorType(output, FLOAT, ['n', 1])),
    ]);
    const opset = block(8, int(2, 17));
    return Buffer.concat([int(1, 8), block(2, 'loupe bench'), block(7, graph), opset]);
  }
}
