import { describe, expect, it } from 'vitest';
import type { InputContract, OutputContract } from '../../src/engine/contract.ts';
import { ModelOutputError, packBatch, readScores } from '../../src/engine/tensor.ts';

const input: InputContract = {
  name: 'image',
  dtype: 'uint8',
  layout: 'NHWC',
  width: 2,
  height: 1,
  colour: 'RGB',
  resize: { fit: 'fill', kernel: 'linear' },
};
const first = Uint8Array.of(1, 2, 3, 4, 5, 6);
const second = Uint8Array.of(7, 8, 9, 10, 11, 12);
const output: OutputContract = { name: 'score', kind: 'probability' };

/** Of the first `count` of `size` images. */
function probabilitiesOf(data: unknown, dims: readonly number[], size: number, count: number, of = output): number[] {
  return readScores({ score: { data, dims } }, size, count, of).map(({ probability }) => probability);
}

describe('packing a batch', () => {
  it('hands a single uint8 NHWC image over as it lies', () => {
    const { data, dims } = packBatch([first], 1, input);
    expect(data).toBe(first);
    expect(dims).toEqual([1, 1, 2, 3]);
  });

  it('pads with zeros up to the size of the graph', () => {
    const { data, dims } = packBatch([first, second], 3, input);
    expect([...data]).toEqual([...first, ...second, 0, 0, 0, 0, 0, 0]);
    expect(dims).toEqual([3, 1, 2, 3]);
  });

  it('puts channels before pixels for NCHW', () => {
    const { data, dims } = packBatch([first, second], 2, { ...input, layout: 'NCHW' });
    expect([...data]).toEqual([1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
    expect(dims).toEqual([2, 3, 1, 2]);
  });

  it('normalises each channel with its own mean and deviation', () => {
    const contract = { ...input, dtype: 'float32', scale: 0.5, mean: [0, 1, 2], std: [1, 2, 4] } as const;
    const { data } = packBatch([first], 1, contract);
    expect(data).toBeInstanceOf(Float32Array);
    expect([...data]).toEqual([0.5, 0, -0.125, 2, 0.75, 0.25]);
  });

  it('takes grey images of one channel', () => {
    const { data, dims } = packBatch([Uint8Array.of(5, 6)], 1, { ...input, colour: 'GREY', layout: 'NCHW' });
    expect([...data]).toEqual([5, 6]);
    expect(dims).toEqual([1, 1, 1, 2]);
  });
});

describe('reading probabilities', () => {
  it('leaves padding out', () => {
    const read = probabilitiesOf(Float32Array.of(0.25, 0.5, 0.75), [3, 1], 3, 2);
    expect([...read]).toEqual([0.25, 0.5]);
  });

  it('puts a logit through the sigmoid and picks the class of a softmax', () => {
    expect([...probabilitiesOf(Float32Array.of(0), [1], 1, 1, { ...output, kind: 'logit' })]).toEqual([0.5]);
    const pair = Float32Array.of(0.25, 0.75);
    expect([...probabilitiesOf(pair, [1, 2], 1, 1, { ...output, kind: 'softmax' })]).toEqual([0.75]);
    expect([...probabilitiesOf(pair, [1, 2], 1, 1, { ...output, kind: 'softmax', defect_index: 0 })]).toEqual([0.25]);
  });

  it('puts two logits through the softmax, and takes no two numbers for one that do not add up to 1', () => {
    const logits = Float32Array.of(0.02, 0.9);
    const of = (kind: 'softmax' | 'logits', defect_index: number) =>
      probabilitiesOf(logits, [1, 2], 1, 1, { ...output, kind, defect_index })[0];
    // exp(0.9) / (exp(0.9) + exp(0.02))
    expect(of('logits', 1)).toBeCloseTo(0.70682, 5);
    expect(of('logits', 0)).toBeCloseTo(0.29318, 5);
    expect(of('softmax', 0)).toBeNaN();
    expect(of('softmax', 1)).toBeNaN();
    const large = probabilitiesOf(Float32Array.of(-1000, 1000), [1, 2], 1, 1, { ...output, kind: 'logits' });
    expect([...large]).toEqual([1]);
    const rounded = probabilitiesOf(Float32Array.of(0.2505, 0.7505), [1, 2], 1, 1, { ...output, kind: 'softmax' });
    expect(rounded[0]).toBeCloseTo(0.7505, 6);
  });

  it('leaves a NaN a NaN', () => {
    expect([...probabilitiesOf(Float32Array.of(Number.NaN), [1, 1], 1, 1)]).toEqual([Number.NaN]);
  });

  it.each([
    ['another number of columns', Float32Array.of(1, 2), [1, 2]],
    ['another batch', Float32Array.of(1, 2), [2, 1]],
    ['another type', Float64Array.of(1), [1, 1]],
    ['nothing', undefined, []],
  ])('refuses %s', (_, data, dims) => {
    expect(() => probabilitiesOf(data, dims, 1, 1)).toThrow(ModelOutputError);
  });

  it('takes how unfamiliar a picture is from an output of its own, where there is one', () => {
    const both = { ...output, unfamiliarity: 'far' };
    const score = { data: Float32Array.of(0.25, 0.5), dims: [2, 1] };
    const far = { data: Float32Array.of(0, 1), dims: [2, 1] };
    expect(readScores({ score, far }, 2, 2, both)).toEqual([
      { probability: 0.25, unfamiliarity: 0 },
      { probability: 0.5, unfamiliarity: 1 },
    ]);
    expect(readScores({ score }, 2, 1, output)).toEqual([{ probability: 0.25, unfamiliarity: null }]);
    expect(() => readScores({ score }, 2, 2, both)).toThrow('no "far"');
    expect(() => readScores({ score, far: { ...far, dims: [1, 2] } }, 2, 2, both)).toThrow(ModelOutputError);
  });
});
