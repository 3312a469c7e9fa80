/**
 * A store of very many rows, made in minutes: rows as the writer would have written them over thirty days, but without images,
 * and with hashes that prove nothing. For measuring how quickly it is searched, and for nothing else.
 */

import { openForWriting } from '../../record/database.ts';
import { MIGRATIONS } from '../../record/migrations/index.ts';

export const CAMERAS = 16;
export const DAYS = 30;
export const END_AT = Date.UTC(2026, 10, 24, 12);
const DAY_MS = 86_400_000;
export const START_AT = END_AT - DAYS * DAY_MS;
export const MODEL = { name: 'plate', version: '2', sha256: 'ab'.repeat(32) };
const CHUNK = 500_000;
const FRAMES_OF_PART = 4;
const PARTS_OF_JOB = 5000;

export const cameraOf = (n: number) => `line-${String(n % CAMERAS).padStart(2, '0')}`;
export const partOf = (n: number) => `part-${Math.floor(n / FRAMES_OF_PART)}`;
export const jobOf = (n: number) => `job-${Math.floor(n / FRAMES_OF_PART / PARTS_OF_JOB)}`;
export const receivedAtOf = (n: number, rows: number) => START_AT + Math.floor((n * DAYS * DAY_MS) / rows);
export const resultIdOf = (n: number) => `01980000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Columns of one row as SQL over its number `n`, and over `a` and `b`, two numbers below a million that look random. */
const COLUMNS: Readonly<Record<string, string>> = {
  ledger_seq: 'n',
  result_id: "'01980000-0000-7000-8000-' || printf('%012d', n)",
  camera_id: `printf('line-%02d', n % ${CAMERAS})`,
  frame_id: "'frame-' || n",
  sequence: 'n',
  part_id: `'part-' || (n / ${FRAMES_OF_PART})`,
  job_id: `'job-' || (n / ${FRAMES_OF_PART * PARTS_OF_JOB})`,
  received_at: `${START_AT} + (n * ${DAYS * DAY_MS}) / @rows`,
  decided_at: `${START_AT} + (n * ${DAYS * DAY_MS}) / @rows + 20`,
  transport: "'grpc_stream'",
  verdict:
    "CASE WHEN a < 940000 THEN 'PASS' WHEN a < 970000 THEN 'REVIEW' WHEN a < 995000 THEN 'FAIL' ELSE 'UNINSPECTED' END",
  reason: "CASE WHEN a < 995000 THEN NULL ELSE 'deadline_exceeded' END",
  disposition: "CASE WHEN a < 940000 THEN 'accept' WHEN a < 970000 THEN 'hold' ELSE 'reject' END",
  defect_probability:
    'CASE WHEN a < 940000 THEN 0.3e-12 * b * b WHEN a < 970000 THEN 0.3 + 0.4e-6 * b WHEN a < 995000 THEN 0.7 + 0.3e-6 * b END',
  recipe_id: "'default'",
  pass_below: '0.3',
  fail_above: '0.7',
  model_name: "CASE WHEN a < 995000 THEN 'plate' END",
  model_version: "CASE WHEN a < 995000 THEN CASE WHEN n < @rows / 2 THEN '1' ELSE '2' END END",
  model_sha256: `CASE WHEN a < 995000 THEN '${MODEL.sha256}' END`,
  provider: "CASE WHEN a < 995000 THEN 'cpu' END",
  queue_ms: '0.5',
  decode_ms: '2.5',
  infer_ms: '8.25',
  total_ms: '8 + 40e-12 * b * b',
  image_sha256: "printf('%064d', n)",
  image_bytes: '60000',
  image_media_type: "'image/jpeg'",
  tags: "'{}'",
  is_simulated: '0',
  chain_version: '1',
  chain_hash: "printf('%064d', n)",
};

export interface Making {
  readonly rowsMs: number;
  readonly indexMs: number;
  /** What a store of this size costs at the first start after the counts of Quality came in. */
  readonly tallyMs: number;
  /** The computing part of it. */
  readonly tallyCpuMs: number;
}

/** @param folder empty; about 750 bytes a row */
export function makeStore(folder: string, rows: number, onProgress: (made: number) => void): Making {
  const { database } = openForWriting(folder, 'normal');
  database.pragma('synchronous = OFF');
  const tallies = MIGRATIONS.find(({ sql }) => sql.includes('outcome_counts'));
  if (tallies === undefined) throw new Error('no migration makes the counts of Quality');
  for (const table of ['outcome_counts', 'latency_counts', 'score_counts', 'series'])
    database.exec(`DROP TABLE ${table}`);
  database.exec('DROP INDEX reviews_by_time');
  const indexes = database
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'results' AND sql IS NOT NULL",
    )
    .all();
  for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);

  let started = performance.now();
  const insert = database.prepare<[{ rows: bigint; from: bigint; to: bigint }]>(
    `WITH RECURSIVE numbers (n) AS (SELECT @from UNION ALL SELECT n + 1 FROM numbers WHERE n < @to),
          drawn AS (SELECT n, (n * 2654435761 % 4294967291) % 1000000 AS a, (n * 40503 % 1000003) % 1000000 AS b FROM numbers)
     INSERT INTO results (${Object.keys(COLUMNS).join(', ')}) SELECT ${Object.values(COLUMNS).join(', ')} FROM drawn`,
  );
  for (let from = 1; from <= rows; from += CHUNK) {
    // As bigint, or SQLite takes them for REAL and names parts 'part-0.25'.
    insert.run({ rows: BigInt(rows), from: BigInt(from), to: BigInt(Math.min(rows, from + CHUNK - 1)) });
    onProgress(Math.min(rows, from + CHUNK - 1));
  }
  database.exec(`INSERT INTO counters SELECT camera_id, verdict, count(*) FROM results GROUP BY 1, 2`);
  // A few hundred parts a day were judged, half an hour after they came.
  database.exec(
    `INSERT INTO reviews (ledger_seq, label, defect_class, reviewer, reviewed_at)
     SELECT ledger_seq, CASE WHEN ledger_seq % 7 = 0 THEN 'ok' ELSE 'ng' END,
            CASE ledger_seq % 11 WHEN 0 THEN 'dent' WHEN 1 THEN 'crack' ELSE 'scratch' END, 'ann', received_at + 1800000
     FROM results WHERE verdict IN ('FAIL', 'REVIEW') AND ledger_seq % 60 = 0 ORDER BY ledger_seq`,
  );
  const rowsMs = performance.now() - started;
  started = performance.now();
  for (const { sql } of indexes) database.exec(sql);
  const indexMs = performance.now() - started;
  started = performance.now();
  const cpu = process.cpuUsage();
  database.transaction(() => database.exec(tallies.sql))();
  const tallyMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  return { rowsMs, indexMs, tallyMs, tallyCpuMs: (user + system) / 1000 };
}
