/** What a replay must know: which part of the picture the model saw, and how pixels were handed to it. */
export const modelInput = {
  version: 3,
  sql: `
-- JSON: [x, y, width, height] as fractions of the image, or "whole". NULL: not scored, or recorded before this was kept.
ALTER TABLE results ADD COLUMN roi TEXT;
-- Of the model's input and output contract (manifest.json), lower-case hex. Set exactly where roi is.
ALTER TABLE results ADD COLUMN contract_sha256 TEXT;
`,
} as const;
