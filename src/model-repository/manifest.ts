/** manifest.json of a model package: what the engine must know to run the graph, and what a person must know to trust it. */

import { createHash } from 'node:crypto';
import { z } from 'zod';

const pixels = z.int().min(1).max(4096);
const share = z.number().min(0).max(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');

/** A model's name is a folder, a metric label and a gRPC health service: letters, digits, ".", "_" and "-". */
export const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Whole numbers, or dotted ones: 1, 2, 10, 1.4.2. */
export const MODEL_VERSION = /^\d{1,9}(\.\d{1,9}){0,3}$/;

const input = z
  .strictObject({
    name: z.string().min(1),
    dtype: z.enum(['uint8', 'float32']),
    layout: z.enum(['NHWC', 'NCHW']),
    width: pixels,
    height: pixels,
    colour: z.enum(['RGB', 'BGR', 'GREY']),
    scale: z.number().positive().optional(),
    mean: z.array(z.number()).optional(),
    std: z.array(z.number().positive()).optional(),
    resize: z.strictObject({
      fit: z.enum(['fill', 'contain', 'cover']),
      kernel: z.enum(['nearest', 'linear', 'cubic', 'lanczos3']),
    }),
  })
  .check((context) => {
    const { value, issues } = context;
    const fault = (key: string, message: string) => issues.push({ code: 'custom', input: value, path: [key], message });
    const channels = value.colour === 'GREY' ? 1 : 3;
    for (const key of ['scale', 'mean', 'std'] as const) {
      if (value.dtype === 'uint8' && value[key] !== undefined) {
        fault(key, 'only a float32 input is normalised outside the graph');
      }
    }
    for (const key of ['mean', 'std'] as const) {
      const found = value[key]?.length;
      if (found !== undefined && found !== channels) {
        fault(key, `expected ${channels} numbers for ${value.colour}, got ${found}`);
      }
    }
  });

const output = z
  .strictObject({
    name: z.string().min(1),
    kind: z.enum(['probability', 'logit', 'softmax', 'logits']),
    defect_index: z.int().min(0).max(1).optional(),
    /** Name of a second output, float32 [N,1], 0..1: from 0.5 on a picture shows what the model has learned nothing of, and does not pass. */
    unfamiliarity: z.string().min(1).optional(),
  })
  .refine((value) => ['softmax', 'logits'].includes(value.kind) === (value.defect_index !== undefined), {
    path: ['defect_index'],
    message: 'expected exactly with kind softmax or logits: which of the two classes is the defect',
  });

const cuts = z
  .strictObject({ pass_below: share, fail_above: share })
  .refine((value) => value.pass_below <= value.fail_above, {
    path: ['pass_below'],
    message: 'expected pass_below <= fail_above',
  });

/** What a variant is for: what it was made of and on which provider it can be faster. */
export const VARIANT_PROVIDERS = { int8: ['cpu'], fp16: ['cuda'] } as const;

/** A cheaper form of model.onnx in `variants/NAME.onnx`, and how it compares: `loupe models verify-variants` writes this. */
const variant = z.strictObject({
  name: z.enum(['int8', 'fp16']),
  sha256,
  providers: z.array(z.enum(['cpu', 'cuda'])).min(1),
  bytes: z.int().min(1),
  check: z.strictObject({
    images: z.int().min(1),
    /** model.onnx less the variant. */
    auroc_drop: z.number(),
    max_difference: share,
    /** Images whose verdict at the suggested cuts is another. */
    verdict_flips: z.int().min(0),
    /** Defective images that PASS with the variant and did not with model.onnx. */
    new_escapes: z.int().min(0),
  }),
});

/** A measured share or score with its 95 % confidence interval, over `n` parts. */
const measured = z.strictObject({ value: z.number(), low: z.number(), high: z.number(), n: z.int().min(0) });

export const manifestSchema = z.strictObject({
  schema: z.literal('loupe.model/1'),
  name: z.string().regex(MODEL_NAME),
  version: z.string().regex(MODEL_VERSION),
  description: z.string().optional(),
  created_at: z.iso.datetime(),
  /** Of model.onnx. */
  sha256,
  input,
  output,
  /** How the probability was calibrated; the graph's output is already calibrated. */
  calibration: z
    .discriminatedUnion('method', [
      z.strictObject({ method: z.literal('temperature'), temperature: z.number().positive(), parts: z.int().min(1) }),
      /** Platt: probability = sigmoid(scale * logit + shift). */
      z.strictObject({ method: z.literal('platt'), scale: z.number(), shift: z.number(), parts: z.int().min(1) }),
    ])
    .optional(),
  /** Suggested by training; a recipe may set its own. */
  cuts,
  /** Largest allowed absolute difference from a golden probability, on any provider. */
  golden_tolerance: z.number().positive().max(0.5),
  golden: z.array(z.strictObject({ file: z.string().min(1), probability: share })),
  variants: z.array(variant).optional(),
  training_data: z.strictObject({
    source: z.string().min(1),
    licence: z.string().min(1),
    /** Parts in all, training, validation and test together. */
    parts: z.int().min(0),
    /** Of the packed pixels: two models with the same one saw the same parts. */
    sha256: sha256.nullable(),
  }),
  /** Measured on parts that training never saw. A kind of defect may be called by any script's letters. */
  metrics: z.record(z.string().regex(/^[\p{L}\p{N}_]+$/u), measured),
});

export type Manifest = z.infer<typeof manifestSchema>;

/**
 * SHA-256, lower-case hex, of the input and output contract as JSON with its keys in alphabetical order: two manifests with the
 * same one turn a picture into the same tensor and read the output alike.
 */
export function contractSha256({ input, output }: Pick<Manifest, 'input' | 'output'>): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted({ input, output })))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
