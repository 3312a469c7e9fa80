/** What people said about results, and the indexes that searching needs. */
export const reviews = {
  version: 2,
  sql: `
-- Append-only: the last row of a result counts, and 'withdrawn' takes the one before back.
CREATE TABLE reviews (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  ledger_seq   INTEGER NOT NULL REFERENCES results (ledger_seq),
  label        TEXT NOT NULL CHECK (label IN ('ok', 'ng', 'unsure', 'withdrawn')),
  defect_class TEXT,
  comment      TEXT,
  reviewer     TEXT NOT NULL,
  reviewed_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX reviews_by_result ON reviews (ledger_seq);

CREATE INDEX results_by_part ON results (part_id) WHERE part_id IS NOT NULL;
CREATE INDEX results_by_job ON results (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX results_by_camera_time ON results (camera_id, received_at);
-- Most rows of a good line are PASS and need none of this.
CREATE INDEX results_not_pass ON results (camera_id, verdict) WHERE verdict <> 'PASS';
CREATE INDEX results_not_pass_by_time ON results (verdict, received_at) WHERE verdict <> 'PASS';
`,
} as const;
