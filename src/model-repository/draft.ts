/**
 * A manifest for a model that was made elsewhere: what the graph itself says is taken from it, everything else is a question
 * that somebody has to answer. Nothing is guessed: a wrong colour order or a forgotten normalisation still gives numbers, and
 * nobody would see that they are wrong. Pure.
 */

import { type Manifest, manifestSchema } from './manifest.ts';

export interface DraftGraph {
  readonly inputs: readonly DraftValue[];
  readonly outputs: readonly DraftValue[];
}

interface DraftValue {
  readonly name: string;
  readonly type: string | null;
  readonly shape: readonly (number | string)[];
}

export interface Question {
  /** Place in the manifest: `input.colour`. */
  readonly key: string;
  readonly expected: string;
}

export interface Draft {
  /** What the graph says. */
  readonly facts: Readonly<Record<string, string | number>>;
  /** What is not answered yet. */
  readonly questions: readonly Question[];
  /** Why this graph cannot be served, or an answer not be used. */
  readonly faults: readonly string[];
}

export type Golden = Manifest['golden'];

const ALWAYS: readonly Question[] = [
  { key: 'name', expected: 'name of the model: letters, digits, ".", "_" and "-"' },
  { key: 'version', expected: 'such as 1 or 1.2.0' },
  { key: 'input.resize.fit', expected: 'how an image of another shape becomes the input: fill, contain or cover' },
  { key: 'input.resize.kernel', expected: 'nearest, linear, cubic or lanczos3, as in its training' },
  { key: 'cuts.pass_below', expected: 'below this probability a part passes, 0 to 1' },
  { key: 'cuts.fail_above', expected: 'from this probability on a part fails, 0 to 1' },
  { key: 'golden_tolerance', expected: 'how far off a golden score may be, such as 0.01' },
  { key: 'training_data.source', expected: 'what it was trained on' },
  { key: 'training_data.licence', expected: 'under which licence that data is' },
  { key: 'training_data.parts', expected: 'how many parts that was, 0 where nobody knows' },
];

const NUMBERS = new Set([
  'input.width',
  'input.height',
  'input.scale',
  'output.defect_index',
  'cuts.pass_below',
  'cuts.fail_above',
  'golden_tolerance',
  'training_data.parts',
]);
const LISTS = new Set(['input.mean', 'input.std']);
/** May be answered and need not: few models have the second. */
const UNASKED = ['description', 'output.unfamiliarity'] as const;

/** @param answers by key, as text */
export function draftOf(graph: DraftGraph, answers: ReadonlyMap<string, string>): Draft {
  const faults: string[] = [];
  const facts: Record<string, string | number> = {};
  const asked: Question[] = [...ALWAYS];
  const [input] = graph.inputs;
  if (graph.inputs.length !== 1 || input === undefined || input.type === null) {
    faults.push(`expected one input, the image; the graph has ${graph.inputs.map(nameOf).join(', ') || 'none'}`);
  } else readInput(input, facts, asked, faults);
  readOutput(graph.outputs, answers, facts, asked, faults);
  readUnfamiliarity(graph.outputs, answers, faults);
  const known = new Set([...asked.map(({ key }) => key), ...UNASKED]);
  for (const key of answers.keys()) {
    if (key in facts) faults.push(`${key}: the graph says ${facts[key]}; it is not to be answered`);
    else if (!known.has(key)) faults.push(`${key}: nothing is asked under this name`);
  }
  return { facts, questions: asked.filter(({ key }) => !answers.has(key)), faults };
}

/**
 * The manifest, once there is no question left.
 * @returns it, or what is wrong with the answers
 */
export function manifestFrom(
  draft: Draft,
  answers: ReadonlyMap<string, string>,
  file: { readonly sha256: string; readonly createdAt: string; readonly golden: Golden },
): { readonly manifest: Manifest } | { readonly faults: readonly string[] } {
  const whole: Record<string, unknown> = {
    schema: 'loupe.model/1',
    created_at: file.createdAt,
    sha256: file.sha256,
    golden: file.golden,
    training_data: { sha256: null },
    metrics: {},
  };
  for (const [key, value] of Object.entries(draft.facts)) put(whole, key, value);
  for (const [key, text] of answers) put(whole, key, valueOf(key, text));
  const parsed = manifestSchema.safeParse(whole);
  if (parsed.success) return { manifest: parsed.data };
  return { faults: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) };
}

function readInput(
  input: DraftValue,
  facts: Record<string, string | number>,
  asked: Question[],
  faults: string[],
): void {
  facts['input.name'] = input.name;
  if (input.type !== 'uint8' && input.type !== 'float32') {
    faults.push(`expected an input of uint8 or float32, the graph has ${nameOf(input)}`);
    return;
  }
  facts['input.dtype'] = input.type;
  if (input.type === 'float32') {
    asked.push(
      {
        key: 'input.scale',
        expected: 'each pixel 0..255 is multiplied by this first, such as 0.00392156862745098 or 1',
      },
      { key: 'input.mean', expected: 'then this is taken off, one number per channel: 0.485,0.456,0.406 or 0,0,0' },
      { key: 'input.std', expected: 'then it is divided by this, one number per channel: 0.229,0.224,0.225 or 1,1,1' },
    );
  }
  const { shape } = input;
  const isChannels = (size: number | string | undefined) => size === 1 || size === 3;
  const isFirst = isChannels(shape[1]);
  const isLast = isChannels(shape[3]);
  if (shape.length !== 4) {
    faults.push(`expected an input [N,H,W,C] or [N,C,H,W], the graph has [${shape.join(',')}]`);
    return;
  }
  if (isFirst === isLast)
    asked.push({ key: 'input.layout', expected: `NHWC or NCHW; the graph has [${shape.join(',')}]` });
  else facts['input.layout'] = isFirst ? 'NCHW' : 'NHWC';
  const [height, width] = isFirst && !isLast ? [shape[2], shape[3]] : [shape[1], shape[2]];
  const isOpen = isFirst === isLast;
  for (const [key, size] of [
    ['input.height', height],
    ['input.width', width],
  ] as const) {
    if (!isOpen && typeof size === 'number' && size > 0) facts[key] = size;
    else asked.push({ key, expected: 'pixels; the graph leaves it open' });
  }
  const channels = isFirst && !isLast ? shape[1] : shape[3];
  if (!isOpen && channels === 1) facts['input.colour'] = 'GREY';
  else asked.push({ key: 'input.colour', expected: isOpen ? 'RGB, BGR or GREY' : 'RGB or BGR, as in its training' });
}

function readOutput(
  outputs: readonly DraftValue[],
  answers: ReadonlyMap<string, string>,
  facts: Record<string, string | number>,
  asked: Question[],
  faults: string[],
): void {
  const [only] = outputs;
  let output = only;
  if (outputs.length !== 1) {
    asked.push({ key: 'output.name', expected: `one of ${outputs.map(nameOf).join(', ')}` });
    output = outputs.find(({ name }) => name === answers.get('output.name'));
  } else if (only !== undefined) facts['output.name'] = only.name;
  if (output === undefined) {
    asked.push({ key: 'output.kind', expected: 'probability, logit, softmax or logits' });
    return;
  }
  const columns = columnsOf(output);
  if (output.type !== 'float32' || (columns !== null && columns !== 1 && columns !== 2)) {
    faults.push(`expected an output of float32 [N,1] or [N,2], the graph has ${nameOf(output)}`);
    return;
  }
  if (columns === 2) {
    asked.push({ key: 'output.kind', expected: 'softmax (after the softmax) or logits (before it)' });
    asked.push({ key: 'output.defect_index', expected: 'which of the two classes is the defect: 0 or 1' });
    return;
  }
  asked.push({ key: 'output.kind', expected: 'probability (after the sigmoid) or logit (before it)' });
}

function readUnfamiliarity(
  outputs: readonly DraftValue[],
  answers: ReadonlyMap<string, string>,
  faults: string[],
): void {
  const name = answers.get('output.unfamiliarity');
  if (name === undefined) return;
  const others = outputs.filter((output) => output.name !== answers.get('output.name'));
  const found = others.find((output) => output.name === name);
  if (found?.type === 'float32' && columnsOf(found) === 1) return;
  const there = others.map(nameOf).join(', ') || 'none';
  faults.push(`output.unfamiliarity: expected another output of float32 [N,1], got "${name}" of ${there}`);
}

/** Numbers for each image; null where the graph leaves it open. */
function columnsOf({ shape }: DraftValue): number | null {
  return shape
    .slice(1)
    .reduce<number | null>((all, size) => (typeof size === 'number' && all !== null ? all * size : null), 1);
}

function valueOf(key: string, text: string): unknown {
  if (LISTS.has(key)) return text.split(',').map((part) => numberOf(part));
  return NUMBERS.has(key) ? numberOf(text) : text;
}

/** The text itself where it is no number: the schema then says what it expected. */
function numberOf(text: string): number | string {
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}

function put(target: Record<string, unknown>, key: string, value: unknown): void {
  const [first = '', ...rest] = key.split('.');
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = (target[first] ?? {}) as Record<string, unknown>;
  target[first] = inner;
  put(inner, rest.join('.'), value);
}

const nameOf = ({ name, type, shape }: DraftValue) => `"${name}" (${type ?? 'no tensor'} [${shape.join(',')}])`;
