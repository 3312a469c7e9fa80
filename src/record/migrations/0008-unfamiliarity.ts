/** Whether the model knew what it saw. */
export const unfamiliarity = {
  version: 8,
  sql: `
-- From 0.5 on the picture shows what the model has learned nothing of: REVIEW where it would be PASS. NULL: the model does not say, or not scored.
ALTER TABLE results ADD COLUMN unfamiliarity REAL CHECK (unfamiliarity BETWEEN 0 AND 1);
`,
} as const;
