/** Counts that Quality and the cuts workbench read instead of rows. The writer keeps them in the transaction of the rows. */

/** As in src/statistics/latency.ts when this was written. */
const EDGES_MS = [
  1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800,
  1000, 1500, 2000, 3000, 5000, 10_000,
];

const bucket = `CASE ${EDGES_MS.map((edge, i) => `WHEN total_ms <= ${edge} THEN ${i}`).join(' ')} ELSE ${EDGES_MS.length} END`;

const floor = 'CAST(defect_probability * 1000 AS INTEGER)';
/** As scoreBinOf in src/statistics/score-bins.ts. */
const bin = `${floor} + CASE WHEN (${floor} + 1) / 1000.0 <= defect_probability THEN 1
                             WHEN ${floor} / 1000.0 > defect_probability THEN -1 ELSE 0 END`;

/** A recipe that nobody configured is no series: its name is the sender's to choose. */
const recipe = `CASE WHEN reason = 'unknown_recipe' THEN '' ELSE coalesce(recipe_id, '') END`;

const ofSeries = `series.camera_id = results.camera_id AND series.recipe_id = ${recipe.replaceAll('recipe_id', 'results.recipe_id')}
  AND series.model_name = coalesce(results.model_name, '') AND series.model_version = coalesce(results.model_version, '')
  AND series.model_sha256 = coalesce(results.model_sha256, '')`;

export const tallies = {
  version: 6,
  sql: `
-- What is counted apart: one camera, recipe and model; '' where a row has none.
CREATE TABLE series (
  series_id     INTEGER PRIMARY KEY,
  camera_id     TEXT NOT NULL,
  recipe_id     TEXT NOT NULL,
  model_name    TEXT NOT NULL,
  model_version TEXT NOT NULL,
  model_sha256  TEXT NOT NULL,
  UNIQUE (camera_id, recipe_id, model_name, model_version, model_sha256)
) STRICT;

-- quarter: received_at in quarters of an hour since 1970, so that shifts of every time zone begin with one.
CREATE TABLE outcome_counts (
  quarter   INTEGER NOT NULL,
  series_id INTEGER NOT NULL REFERENCES series (series_id),
  verdict   TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  PRIMARY KEY (quarter, series_id, verdict)
) STRICT, WITHOUT ROWID;

-- hour: received_at in hours since 1970. latency_bucket: src/statistics/latency.ts.
CREATE TABLE latency_counts (
  hour           INTEGER NOT NULL,
  series_id      INTEGER NOT NULL REFERENCES series (series_id),
  latency_bucket INTEGER NOT NULL,
  row_count      INTEGER NOT NULL,
  PRIMARY KEY (hour, series_id, latency_bucket)
) STRICT, WITHOUT ROWID;

-- day: received_at in days since 1970 (UTC). score_bin: defect probability in steps of 0.001.
CREATE TABLE score_counts (
  series_id INTEGER NOT NULL REFERENCES series (series_id),
  day       INTEGER NOT NULL,
  score_bin INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  PRIMARY KEY (series_id, day, score_bin)
) STRICT, WITHOUT ROWID;

INSERT INTO series (camera_id, recipe_id, model_name, model_version, model_sha256)
SELECT DISTINCT camera_id, ${recipe}, coalesce(model_name, ''), coalesce(model_version, ''), coalesce(model_sha256, '')
FROM results;

INSERT INTO outcome_counts
SELECT received_at / 900000, series_id, verdict, count(*)
FROM results JOIN series ON ${ofSeries} GROUP BY 1, 2, 3;

INSERT INTO latency_counts
SELECT received_at / 3600000, series_id, ${bucket}, count(*)
FROM results JOIN series ON ${ofSeries} GROUP BY 1, 2, 3;

INSERT INTO score_counts
SELECT series_id, received_at / 86400000, ${bin}, count(*)
FROM results JOIN series ON ${ofSeries} WHERE defect_probability IS NOT NULL GROUP BY 1, 2, 3;

-- A review is never older than its result: what was received in some time is among what was judged since.
CREATE INDEX reviews_by_time ON reviews (reviewed_at);
`,
} as const;
