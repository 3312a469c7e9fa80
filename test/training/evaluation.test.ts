import { describe, expect, it } from 'vitest';
import { type EvaluatedImage, evaluate, type EvaluationInput } from '../../src/training/evaluation.ts';
import { differenceHash, type Fingerprint } from '../../src/training/near-duplicates.ts';
import { type Mistake, reportHtml } from '../../src/training/report/report.ts';

const image = (file: string, isDefective: boolean, probability: number | null, group = file): EvaluatedImage => ({
  file,
  isDefective,
  kind: isDefective ? 'dent' : 'ok',
  group,
  probability,
  unfamiliarity: null,
  verdict: probability === null ? 'UNINSPECTED' : probability < 0.2 ? 'PASS' : probability >= 0.8 ? 'FAIL' : 'REVIEW',
  reason: probability === null ? 'bad_image' : null,
  decodeMs: 1,
  inferMs: 2,
});
const print = (file: string, sha256: string, low: number, isDefective = false, group = file): Fingerprint => ({
  file,
  group,
  isDefective,
  sha256,
  differences: [0xffff0000, low],
  levels: new Float32Array(72),
});
const images = [image('a', false, 0.1), image('b', false, 0.9), image('c', true, 0.05), image('d', true, 0.95)];
const input = (over: Partial<EvaluationInput> = {}): EvaluationInput => ({
  images,
  cuts: { passBelow: 0.2, failAbove: 0.8 },
  hasGroups: true,
  fingerprints: [],
  trained: [],
  seen: null,
  ...over,
});
const failed: Mistake = { file: 'c', caption: 'NG: 0.050, PASS', picture: 'data:image/jpeg;base64,AA==', heat: null };
const report = (over: Partial<EvaluationInput> = {}, mistakes: readonly Mistake[] = [failed]) =>
  reportHtml({
    evaluation: evaluate(input(over)),
    model: '<model>',
    data: 'data',
    madeAt: '2026-01-01T00:00:00Z',
    costRatio: 100,
    curve: [],
    mistakes,
    baseline: { auroc: 0.6, weightPicture: 'data:image/png;base64,AA==' },
  });

describe('the mistakes of a report', () => {
  it('say that a heat map could not be made only where one was asked for', () => {
    const mistake = { file: 'c', caption: 'NG: 0.050, PASS', picture: 'data:image/jpeg;base64,AA==' };
    expect(report({}, [{ ...mistake, heat: null }])).toContain('Without heat maps. 1 have none: it could not be made');
    expect(report({}, [mistake])).toContain('<p>Without heat maps.</p>');
  });
});

describe('an evaluation', () => {
  it('lists escapes and false rejects', () => {
    const { escapes, falseRejects, measures } = evaluate(input());
    expect(escapes.map(({ file }) => file)).toEqual(['c']);
    expect(falseRejects.map(({ file }) => file)).toEqual(['b']);
    expect(measures?.auroc).toBe(0.5);
  });

  it('counts what was not inspected nowhere but by itself, and says so', () => {
    const { scored, warnings } = evaluate(input({ images: [...images, image('e', true, null)] }));
    expect(scored).toHaveLength(4);
    expect(warnings.join()).toContain('1 images were not inspected');
  });

  it('has no measures where nothing was scored', () => {
    expect(evaluate(input({ images: [image('e', true, null)] })).measures).toBeNull();
  });

  it('warns of images and groups that the model was trained on', () => {
    const fingerprints = [print('a', 'x', 0), print('b', 'y', 0xff), print('c', 'z', 0xffffffff)];
    const trained = [print('t1', 'x', 0xffff00), print('t2', 'w', 0xfe), print('c', 'v', 0xf0f0f0f0)];
    const text = evaluate(input({ fingerprints, trained })).warnings.join('\n');
    expect(text).toContain('LEAK: the model was trained on 1 of these very images: a = t1');
    expect(text).toContain('1 images look nearly like one it was trained on: b = t2');
    expect(text).toContain('LEAK: 1 groups were also trained on: c');
  });

  it('warns of the same image in two groups, and under two labels', () => {
    const fingerprints = [print('a', 'x', 0), print('b', 'x', 0, true)];
    const text = evaluate(input({ fingerprints })).warnings.join('\n');
    expect(text).toContain('1 images are identical to one of another group: a = b');
    expect(text).toContain('labelled OK and NG at once');
  });

  it('warns when nothing can be known: one class, no groups, no training images', () => {
    const text = evaluate(input({ images: images.slice(0, 2), hasGroups: false, trained: null })).warnings.join('\n');
    expect(text).toContain('no defective images');
    expect(text).toContain('no groups given');
    expect(text).toContain('not known');
  });
});

describe('the difference hash', () => {
  it('tells which neighbour is brighter, row by row', () => {
    const rising = Uint8Array.from({ length: 72 }, (_, i) => i % 9);
    expect(differenceHash(rising)).toEqual([0xffffffff, 0xffffffff]);
    expect(differenceHash(rising.map((v) => 9 - v))).toEqual([0, 0]);
  });
});

describe('the report', () => {
  it('is one file: no script, nothing fetched, names escaped', () => {
    const html = report();
    expect(html).not.toMatch(/<script|https?:|<link|@import/);
    expect(html).not.toContain('<model>');
    expect(html).toContain('&#60;model&#62;');
    expect(html.match(/<svg/g)).toHaveLength(6);
    expect(html).not.toContain('NaN');
    expect(report({}, [{ ...failed, file: 'ok/a\u202Egnp.b' }])).toContain('<br>ok/a[U+202E]gnp.b<');
  });

  it('says nothing of times where no engine was timed', () => {
    expect(report()).toContain('Time per image');
    expect(report({ images: images.map((each) => ({ ...each, inferMs: 0, decodeMs: 0 })) })).not.toContain(
      'Time per image',
    );
  });

  it('shows no curve where a class is missing', () => {
    const html = report({ images: images.slice(0, 2) });
    expect(html).not.toContain('<svg');
    expect(html).toContain('not measurable');
  });
});
