import { describe, expect, it } from 'vitest';
import { type DraftGraph, draftOf, manifestFrom } from '../../src/model-repository/draft.ts';

const graph = (
  input: readonly (number | string)[],
  type: string | null = 'float32',
  outputs: readonly (readonly (number | string)[])[] = [['n', 1]],
): DraftGraph => ({
  inputs: [{ name: 'image', type, shape: input }],
  outputs: outputs.map((shape, i) => ({ name: `out${i}`, type: 'float32', shape })),
});

const none = new Map<string, string>();
const keysOf = (of: DraftGraph, answers: ReadonlyMap<string, string> = none) =>
  draftOf(of, answers).questions.map(({ key }) => key);

describe('the draft of a manifest', () => {
  it('takes from the graph what it says', () => {
    expect(draftOf(graph(['n', 3, 224, 320]), none).facts).toEqual({
      'input.name': 'image',
      'input.dtype': 'float32',
      'input.layout': 'NCHW',
      'input.height': 224,
      'input.width': 320,
      'output.name': 'out0',
    });
    expect(draftOf(graph([1, 64, 48, 1], 'uint8'), none).facts).toMatchObject({
      'input.layout': 'NHWC',
      'input.height': 64,
      'input.width': 48,
      'input.colour': 'GREY',
    });
  });

  it('asks for the colour order, and for a normalisation where there is one', () => {
    expect(keysOf(graph(['n', 3, 8, 8]))).toEqual(
      expect.arrayContaining(['input.colour', 'input.mean', 'input.std', 'input.scale']),
    );
    const grey = keysOf(graph(['n', 8, 8, 1], 'uint8'));
    for (const key of ['input.colour', 'input.mean', 'input.scale']) expect(grey).not.toContain(key);
  });

  it('asks for the layout and the size where the graph leaves them open', () => {
    expect(keysOf(graph(['n', 'c', 'h', 'w']))).toEqual(
      expect.arrayContaining(['input.layout', 'input.height', 'input.width', 'input.colour']),
    );
    expect(keysOf(graph(['n', 3, 'h', 'w']))).toEqual(expect.arrayContaining(['input.height', 'input.width']));
    expect(keysOf(graph([1, 3, 3, 3]))).toContain('input.layout');
  });

  it('asks what an output is, which one it is, and which of two classes is the defect', () => {
    expect(keysOf(graph(['n', 3, 8, 8]))).toContain('output.kind');
    const pair = keysOf(graph(['n', 3, 8, 8], 'uint8', [['n', 2]]));
    // A graph does not say whether its two numbers are before or after the softmax.
    expect(pair).toEqual(expect.arrayContaining(['output.kind', 'output.defect_index']));
    const two = graph(['n', 3, 8, 8], 'uint8', [
      ['n', 1],
      ['n', 7, 7],
    ]);
    expect(keysOf(two)).toEqual(expect.arrayContaining(['output.name', 'output.kind']));
    expect(keysOf(two, new Map([['output.name', 'out0']]))).not.toContain('output.name');
  });

  it('takes a second output that says what is unfamiliar, and no other for it', () => {
    const of = graph(['n', 3, 8, 8], 'uint8', [
      ['n', 1],
      ['n', 1],
      ['n', 7, 7],
    ]);
    const faultsOf = (name: string) =>
      draftOf(of, new Map(Object.entries({ 'output.name': 'out0', 'output.unfamiliarity': name }))).faults;
    expect(faultsOf('out1')).toEqual([]);
    for (const name of ['out0', 'out2', 'other']) {
      expect(faultsOf(name)).toEqual([expect.stringContaining('output.unfamiliarity: expected another output')]);
    }
  });

  it('refuses what cannot be served', () => {
    expect(draftOf({ inputs: [], outputs: [] }, none).faults[0]).toMatch(
      /expected one input, the image; the graph has none/,
    );
    expect(draftOf(graph(['n', 3, 8, 8], 'int64'), none).faults[0]).toMatch(/uint8 or float32/);
    expect(draftOf(graph(['n', 8]), none).faults[0]).toMatch(/\[N,H,W,C\] or \[N,C,H,W\]/);
    expect(draftOf(graph(['n', 3, 8, 8], 'uint8', [['n', 1000]]), none).faults[0]).toMatch(/\[N,1\] or \[N,2\]/);
  });

  it('refuses answers to what nobody asked, and to what the graph says itself', () => {
    const { faults } = draftOf(
      graph(['n', 3, 8, 8]),
      new Map([
        ['input.layout', 'NHWC'],
        ['colour', 'RGB'],
      ]),
    );
    expect(faults).toEqual([
      'input.layout: the graph says NCHW; it is not to be answered',
      'colour: nothing is asked under this name',
    ]);
  });

  it('becomes a manifest when every question is answered, or says what is wrong with an answer', () => {
    const answers = new Map(
      Object.entries({
        name: 'part',
        version: '1',
        'input.resize.fit': 'fill',
        'input.resize.kernel': 'linear',
        'input.colour': 'BGR',
        'input.scale': '0.0039',
        'input.mean': '0.5,0.5,0.5',
        'input.std': '1,1,1',
        'output.kind': 'logit',
        'cuts.pass_below': '0.2',
        'cuts.fail_above': '0.8',
        golden_tolerance: '0.01',
        'training_data.source': 'line 4',
        'training_data.licence': 'own',
        'training_data.parts': '0',
      }),
    );
    const of = graph(['n', 3, 8, 8]);
    const draft = draftOf(of, answers);
    expect(draft.questions).toEqual([]);
    const file = {
      sha256: 'a'.repeat(64),
      createdAt: '2026-11-24T00:00:00Z',
      golden: [{ file: 'golden/a.png', probability: 0.1 }],
    };
    expect(manifestFrom(draft, answers, file)).toMatchObject({
      manifest: {
        input: { layout: 'NCHW', colour: 'BGR', mean: [0.5, 0.5, 0.5] },
        output: { kind: 'logit' },
        cuts: { pass_below: 0.2 },
      },
    });
    const wrong = new Map(answers).set('input.mean', '0.5').set('cuts.pass_below', 'low');
    expect(manifestFrom(draftOf(of, wrong), wrong, file)).toEqual({
      faults: expect.arrayContaining([
        expect.stringContaining('input.mean: expected 3 numbers') as string,
        expect.stringContaining('cuts.pass_below') as string,
      ]) as string[],
    });
  });
});
