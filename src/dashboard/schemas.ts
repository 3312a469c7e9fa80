/** Shapes of what `/api/v1` is asked and answers. */

import { z } from 'zod';
import {
  cameraIdFrom,
  frameIdFrom,
  ID_PATTERN,
  MAX_CAMERA_ID_LENGTH,
  MAX_FRAME_ID_LENGTH,
} from '../frame/identifiers.ts';
import { DISPOSITIONS, PROVIDERS, VERDICTS } from '../frame/verdict.ts';

export const isoTime = z.string().describe('RFC 3339');

const unfamiliarity = z
  .number()
  .nullable()
  .describe(
    '0..1: how sure the model is that this shows what it has learned nothing of; from 0.5 on no PASS. null: it does not say',
  );

export const resultSchema = z.object({
  schema: z.literal('inspection.result/1'),
  resultId: z.string(),
  cameraId: z.string(),
  frameId: z.string(),
  sequence: z.string().nullable().describe('int64 as text'),
  partId: z.string().nullable(),
  jobId: z.string().nullable(),
  productId: z.string().nullable(),
  measId: z.string().nullable(),
  verdict: z.enum(VERDICTS),
  reason: z.string().nullable(),
  reasonDetail: z.string().nullable(),
  disposition: z.enum(DISPOSITIONS),
  defectProbability: z.number().nullable(),
  unfamiliarity,
  passBelow: z.number().nullable(),
  failAbove: z.number().nullable(),
  recipeId: z.string().nullable(),
  model: z
    .object({
      name: z.string(),
      version: z.string(),
      sha256: z.string(),
      variant: z.string().nullable().describe('the cheaper form that scored (int8, fp16); null: model.onnx itself'),
      provider: z.enum(PROVIDERS).nullable(),
    })
    .nullable(),
  modelInput: z
    .object({
      roi: z
        .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
        .nullable()
        .describe('null: the whole picture'),
      contractSha256: z.string(),
    })
    .nullable()
    .describe(
      'how the picture became what the model saw; null where nothing was scored, or recorded before this was kept',
    ),
  capturedAt: isoTime.nullable(),
  receivedAt: isoTime.nullable(),
  decidedAt: isoTime.nullable(),
  transport: z.string(),
  timing: z.object({
    queueMs: z.number().nullable(),
    decodeMs: z.number().nullable(),
    inferMs: z.number().nullable(),
    totalMs: z.number(),
  }),
  image: z.object({
    sha256: z.string(),
    bytes: z.int(),
    mediaType: z.string(),
    path: z.string().nullable().describe('null where the picture was not kept'),
  }),
  tags: z.record(z.string(), z.string()),
  isSimulated: z.boolean(),
  duplicate: z.boolean(),
  fallback: z.boolean(),
  ledgerSeq: z.int(),
});

export const resultsPageSchema = z.object({
  results: z.array(resultSchema),
  next: z
    .int()
    .nullable()
    .describe('`before` of the next page; null on the last. A page may hold fewer rows than asked for, and go on.'),
});

/** RFC 3339 with its zone: what a lax reader makes of `5` or of a time without one is a guess. */
export const time = z.iso
  .datetime({ offset: true, error: 'expected a time such as 2026-11-24T06:00:00Z' })
  .transform((text) => Date.parse(text));

const identifier = z.string().min(1).max(128);

/** What can be searched for; the same for pages and exports. */
const filter = {
  camera: z
    .string()
    .meta({ pattern: ID_PATTERN, maxLength: MAX_CAMERA_ID_LENGTH })
    .transform((text, context) => cameraIdFrom(text) ?? refuse(context, 'expected a camera id'))
    .optional(),
  part: identifier.optional(),
  job: identifier.optional(),
  model: identifier.optional().describe('name of the model'),
  verdict: z.enum(VERDICTS).optional(),
  since: time.optional().describe('received at or after'),
  until: time.optional().describe('received before'),
  min_probability: z.coerce.number().min(0).max(1).optional(),
  max_probability: z.coerce.number().min(0).max(1).optional(),
};

export const searchSchema = z.strictObject({
  ...filter,
  frame: z
    .string()
    .meta({ pattern: ID_PATTERN, maxLength: MAX_FRAME_ID_LENGTH })
    .transform((text, context) => frameIdFrom(text) ?? refuse(context, 'expected a frame id'))
    .optional()
    .describe('with `camera`: that one frame'),
  before: z.coerce.number().int().min(1).optional().describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const exportSchema = z.strictObject({
  ...filter,
  format: z.enum(['csv', 'jsonl']).default('csv'),
  limit: z.coerce.number().int().min(1).max(100_000_000).default(1_000_000),
});

export type SearchFilter = Omit<z.output<typeof searchSchema>, 'limit' | 'before' | 'frame'>;

export const byId = z.strictObject({ id: z.string().max(64) });

export const REVIEW_LABELS = ['ok', 'ng', 'unsure', 'withdrawn'] as const;

export const plainText = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    // As \p{Cc}, in signs that every reader of the OpenAPI document knows.
    // oxlint-disable-next-line no-control-regex
    .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, 'expected no control characters');

/** The name that a change is signed with. */
export const signature = plainText(64)
  .optional()
  .describe('Who signs, where nobody is known by a token or a session; nobody checks it.');
export const signedQuery = z.strictObject({ by: signature });

export const reviewBodySchema = z.strictObject({
  label: z.enum(REVIEW_LABELS).describe('`withdrawn` takes back what was said before'),
  defectClass: plainText(64).nullable().default(null),
  comment: plainText(500).nullable().default(null),
  reviewer: signature,
});

export const reviewSchema = z.object({
  resultId: z.string(),
  label: z.enum(REVIEW_LABELS),
  defectClass: z.string().nullable(),
  comment: z.string().nullable(),
  reviewer: z.string(),
  reviewedAt: isoTime,
});

export const proofSchema = z.object({
  chain: z.object({
    previousHash: z.string(),
    recordedHash: z.string(),
    computedHash: z.string(),
    holds: z.boolean().describe('the row hashes to what was recorded with it'),
  }),
  image: z.object({
    isKept: z.boolean(),
    recordedSha256: z.string(),
    computedSha256: z.string().nullable(),
    holds: z.boolean().nullable().describe('null where no picture is kept'),
  }),
});

const sightSchema = z.object({
  resultId: z.string(),
  ledgerSeq: z.int(),
  frameId: z.string(),
  partId: z.string().nullable(),
  verdict: z.enum(VERDICTS),
  reason: z.string().nullable(),
  disposition: z.enum(DISPOSITIONS),
  defectProbability: z.number().nullable(),
  unfamiliarity,
  passBelow: z.number().nullable(),
  failAbove: z.number().nullable(),
  totalMs: z.number(),
  receivedAt: isoTime,
  /** Whether a browser can show its picture. */
  hasPicture: z.boolean(),
  /** Whether a heat map of it was made while the service ran. */
  hasHeatMap: z.boolean(),
  isSimulated: z.boolean(),
});

/** What a camera does otherwise than in its baseline. */
export const driftConditions = [
  z.object({ kind: z.enum(['brightness', 'contrast', 'focus']), ratio: z.number().describe('-0.23: 23 % less') }),
  z.object({ kind: z.literal('frozen'), frames: z.int().describe('in a row of the very same picture') }),
  z.object({ kind: z.literal('scores'), psi: z.number() }),
  z.object({ kind: z.literal('rejects'), share: z.number(), usual: z.number() }),
] as const;

export const cameraSchema = z.object({
  cameraId: z.string(),
  isListed: z.boolean(),
  taktMs: z.number().nullable(),
  last: sightSchema.nullable(),
  lastRejected: sightSchema.nullable().describe('the last FAIL, REVIEW or UNINSPECTED'),
  notPassed: z.int().describe('FAIL, REVIEW and UNINSPECTED among the frames that this service has seen'),
  strip: z.string().describe('the last 50 verdicts, oldest first: P F R U'),
  perMinute: z.int().describe('frames in the last 60 s'),
  counts: z.record(z.enum(VERDICTS), z.int()).describe('of the last hour, or since the service started'),
  p95Ms: z.number().nullable().describe('of the last 50 frames'),
  conditions: z.array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('never_seen') }),
      z.object({ kind: z.literal('silent'), sinceMs: z.int().nullable(), periodMs: z.int() }),
      z.object({ kind: z.literal('late'), share: z.number() }),
      z.object({ kind: z.literal('uninspected'), share: z.number(), reason: z.string() }),
      z.object({ kind: z.literal('unfamiliar'), share: z.number() }),
      ...driftConditions,
    ]),
  ),
});

export type CameraView = z.output<typeof cameraSchema>;
export type Sight = z.output<typeof sightSchema>;
export type Condition = CameraView['conditions'][number];
export type ReviewJson = z.output<typeof reviewSchema>;
export type ProofJson = z.output<typeof proofSchema>;

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
