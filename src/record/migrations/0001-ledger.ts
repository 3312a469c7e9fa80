/** The first schema. Rows of `results` are written once and never changed: what changes stands in the other tables. */
export const ledger = {
  version: 1,
  sql: `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE results (
  ledger_seq         INTEGER PRIMARY KEY,
  result_id          TEXT NOT NULL UNIQUE,
  camera_id          TEXT NOT NULL,
  frame_id           TEXT NOT NULL,
  sequence           INTEGER,
  part_id            TEXT,
  job_id             TEXT,
  product_id         TEXT,
  meas_id            TEXT,
  captured_at        INTEGER,
  received_at        INTEGER NOT NULL,
  decided_at         INTEGER NOT NULL,
  transport          TEXT NOT NULL,
  verdict            TEXT NOT NULL CHECK (verdict IN ('PASS', 'FAIL', 'REVIEW', 'UNINSPECTED')),
  reason             TEXT,
  reason_detail      TEXT,
  disposition        TEXT NOT NULL CHECK (disposition IN ('accept', 'reject', 'hold')),
  defect_probability REAL CHECK (defect_probability BETWEEN 0 AND 1),
  recipe_id          TEXT,
  pass_below         REAL,
  fail_above         REAL,
  model_name         TEXT,
  model_version      TEXT,
  model_sha256       TEXT,
  provider           TEXT,
  queue_ms           REAL,
  decode_ms          REAL,
  infer_ms           REAL,
  total_ms           REAL NOT NULL,
  image_sha256       TEXT NOT NULL,
  image_bytes        INTEGER NOT NULL,
  image_media_type   TEXT NOT NULL,
  image_path         TEXT,
  tags               TEXT NOT NULL,
  is_simulated       INTEGER NOT NULL CHECK (is_simulated IN (0, 1)),
  chain_version      INTEGER NOT NULL,
  chain_hash         TEXT NOT NULL,
  UNIQUE (camera_id, frame_id),
  CHECK ((verdict = 'UNINSPECTED') = (reason IS NOT NULL)),
  CHECK (verdict = 'UNINSPECTED' OR defect_probability IS NOT NULL),
  CHECK (disposition <> 'accept' OR verdict = 'PASS')
) STRICT;
-- Every index ends in the rowid, which is ledger_seq: these give one camera's or one verdict's rows in ledger order.
CREATE INDEX results_by_camera ON results (camera_id);
CREATE INDEX results_by_verdict ON results (verdict);
CREATE INDEX results_by_time ON results (received_at);

-- Image files that are there now, in the order in which retention gives them up.
CREATE TABLE stored_images (
  ledger_seq   INTEGER PRIMARY KEY REFERENCES results (ledger_seq),
  removal_rank INTEGER NOT NULL,
  received_at  INTEGER NOT NULL,
  bytes        INTEGER NOT NULL
) STRICT;
CREATE INDEX stored_images_by_rank ON stored_images (removal_rank, received_at);

-- Image files that retention took away. Written before the file goes; is_unlinked says that it went.
CREATE TABLE image_removals (
  ledger_seq  INTEGER PRIMARY KEY REFERENCES results (ledger_seq),
  removed_at  INTEGER NOT NULL,
  reason      TEXT NOT NULL CHECK (reason IN ('age', 'bytes', 'disk_pressure')),
  is_unlinked INTEGER NOT NULL CHECK (is_unlinked IN (0, 1))
) STRICT;
CREATE INDEX image_removals_open ON image_removals (is_unlinked) WHERE is_unlinked = 0;

-- AUTOINCREMENT: an id is never given twice, so a late "done" cannot hit another message.
CREATE TABLE outbox (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  ledger_seq       INTEGER NOT NULL REFERENCES results (ledger_seq),
  topic            TEXT,
  correlation_data BLOB,
  is_duplicate     INTEGER NOT NULL CHECK (is_duplicate IN (0, 1)),
  created_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE counters (
  camera_id TEXT NOT NULL,
  verdict   TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  PRIMARY KEY (camera_id, verdict)
) STRICT, WITHOUT ROWID;
`,
} as const;
