/** Which form of a model scored. */
export const modelVariant = {
  version: 4,
  sql: `
-- int8, fp16; NULL: model.onnx itself, or not scored.
ALTER TABLE results ADD COLUMN model_variant TEXT;
`,
} as const;
