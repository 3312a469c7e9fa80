import { readFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';
import { onnxFault } from '../../src/model-repository/onnx-file.ts';
import { TINY_MODELS } from '../support/pool.ts';

const whole = readFileSync(path.join(TINY_MODELS, 'mean-brightness', '1', 'model.onnx'));

/** A model whose one tensor lies where `place` says: in the graph itself, or in an attribute of a node. */
function externalModel(place: 'initializer' | 'attribute' | 'function'): Uint8Array {
  const { Writer } = protobuf;
  const entry = Writer.create().uint32(10).string('location').uint32(18).string('../../etc/passwd').finish();
  const tensor = Writer.create().uint32(106).bytes(entry).uint32(112).int32(1).finish();
  const attribute = Writer.create().uint32(42).bytes(tensor).finish();
  const node = Writer.create().uint32(42).bytes(attribute).finish();
  const graph = Writer.create();
  if (place === 'initializer') graph.uint32(42).bytes(tensor);
  if (place === 'attribute') graph.uint32(10).bytes(node);
  const model = Writer.create().uint32(8).int64(8).uint32(58).bytes(graph.finish());
  if (place === 'function') model.uint32(202).bytes(Writer.create().uint32(58).bytes(node).finish());
  return model.finish();
}

describe('an ONNX file', () => {
  it('is taken when it is whole and keeps its weights for itself', () => {
    expect(onnxFault(whole)).toBeNull();
  });

  it.each(['initializer', 'attribute', 'function'] as const)('is refused with external data in its %s', (place) => {
    expect(onnxFault(externalModel(place))).toMatch(/self-contained file, got 2 tensors kept in other files/);
  });

  it('is refused when it is cut short anywhere', () => {
    for (let share = 0.05; share < 1; share += 0.05) {
      const cut = whole.subarray(0, Math.floor(whole.length * share));
      // A cut exactly between two fields is found by the hash and by the engine; none of these is.
      expect(onnxFault(cut), `at ${share}`).toMatch(/expected an ONNX file/);
    }
  });

  it('is refused when it is empty, text, or nested without end', () => {
    expect(onnxFault(new Uint8Array(0))).toMatch(/without a graph/);
    expect(onnxFault(new TextEncoder().encode('this is no model, it is a sentence'))).toMatch(/expected an ONNX file/);
    let nested = new Uint8Array(0);
    for (let depth = 0; depth < 200; depth++) {
      const { Writer } = protobuf;
      const attribute = Writer.create().uint32(50).bytes(nested).finish();
      nested = new Uint8Array(
        Writer.create().uint32(10).bytes(Writer.create().uint32(42).bytes(attribute).finish()).finish(),
      );
    }
    expect(onnxFault(protobuf.Writer.create().uint32(58).bytes(nested).finish())).toMatch(/nested too deeply/);
  });
});
