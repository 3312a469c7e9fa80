/** What Quality and the cuts workbench ask. Reads counts, never all the rows: quick however long the ledger is. */

import type { Verdict } from '../frame/verdict.ts';
import type { JudgedResult, LedgerBalance, QualityCounts, QualityQuery, ScoreCounts, ScoresQuery } from './contract.ts';
import type { Database } from './database.ts';
import { DAY_MS, HOUR_MS, QUARTER_MS } from './tallies.ts';

const MAX_JUDGED = 20_000;

interface JudgedRow {
  readonly ledger_seq: number;
  readonly result_id: string;
  readonly camera_id: string;
  readonly recipe_id: string | null;
  readonly part_id: string | null;
  readonly model_name: string | null;
  readonly model_sha256: string | null;
  readonly verdict: string;
  readonly defect_probability: number | null;
  readonly label: string;
  readonly defect_class: string | null;
  readonly reviewer: string;
}

export class Quality {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  counts({ since, until, cameraId, recipe }: QualityQuery): QualityCounts {
    const filter = filterOf([
      ['camera_id = ?', cameraId],
      ['recipe_id = ?', recipe],
    ]);
    // A series is looked up once and not for each of its cells.
    const ofSeries =
      filter.sql === '' ? '' : `AND series_id IN (SELECT series_id FROM series WHERE true ${filter.sql})`;
    const inSpan = (unit: string) => `${unit} >= ? AND ${unit} < ? ${ofSeries}`;
    const select = <T>(sql: string, ms: number): T[] =>
      this.database.prepare<unknown[], T>(sql).all(Math.floor(since / ms), Math.ceil(until / ms), ...filter.values);
    return {
      quarters: select<QualityCounts['quarters'][number]>(
        `SELECT quarter * ${QUARTER_MS} AS at, verdict, sum(row_count) AS rows FROM outcome_counts
         WHERE ${inSpan('quarter')} GROUP BY quarter, verdict ORDER BY quarter, verdict`,
        QUARTER_MS,
      ),
      series: select<QualityCounts['series'][number]>(
        `SELECT camera_id AS cameraId, recipe_id AS recipe, verdict, sum(cells) AS rows
         FROM (SELECT series_id, verdict, sum(row_count) AS cells FROM outcome_counts
               WHERE ${inSpan('quarter')} GROUP BY series_id, verdict) JOIN series USING (series_id)
         GROUP BY camera_id, recipe_id, verdict ORDER BY camera_id, recipe_id, verdict`,
        QUARTER_MS,
      ),
      latency: select<QualityCounts['latency'][number]>(
        `SELECT latency_bucket AS bucket, sum(row_count) AS rows FROM latency_counts
         WHERE ${inSpan('hour')} GROUP BY latency_bucket ORDER BY latency_bucket`,
        HOUR_MS,
      ),
    };
  }

  scores({ recipe, model, cameraId, since }: ScoresQuery): ScoreCounts {
    const of = [recipe, model.name, model.version, model.sha256];
    const where = 'recipe_id = ? AND model_name = ? AND model_version = ? AND model_sha256 = ?';
    const filter = filterOf([['camera_id = ?', cameraId]]);
    const bins = this.database
      .prepare<unknown[], [number, number]>(
        `SELECT score_bin, sum(row_count) FROM score_counts JOIN series USING (series_id)
         WHERE ${where} AND day >= ? ${filter.sql} GROUP BY score_bin ORDER BY score_bin`,
      )
      .raw()
      .all(...of, Math.floor(since / DAY_MS), ...filter.values);
    const cameras = this.database
      .prepare<unknown[], string>(`SELECT camera_id FROM series WHERE ${where} ORDER BY camera_id`)
      .pluck()
      .all(...of);
    const given = this.database
      .prepare<unknown[], ScoreCounts['given'][number]>(
        `SELECT verdict, sum(row_count) AS rows FROM outcome_counts JOIN series USING (series_id)
         WHERE ${where} AND quarter >= ? ${filter.sql} GROUP BY verdict`,
      )
      .all(...of, Math.floor(since / DAY_MS) * (DAY_MS / QUARTER_MS), ...filter.values);
    return { bins, cameras, given };
  }

  judged({ since, until, cameraId, recipe }: QualityQuery): readonly JudgedResult[] {
    const filter = filterOf([
      ['camera_id = ?', cameraId],
      ['recipe_id = ?', recipe],
    ]);
    // A review is never older than its result, so the index of reviews bounds the rows that are looked up.
    const rows = this.database
      .prepare<unknown[], JudgedRow>(
        `SELECT reviews.ledger_seq, result_id, camera_id, recipe_id, part_id, model_name, model_sha256, verdict,
                defect_probability, label, reviews.defect_class, reviewer
         FROM reviews CROSS JOIN results USING (ledger_seq)
         WHERE reviewed_at >= ? AND received_at >= ? AND received_at < ? ${filter.sql}
         ORDER BY reviewed_at DESC, id DESC LIMIT ${MAX_JUDGED}`,
      )
      .all(since, since, until, ...filter.values);
    const last = new Map<number, JudgedRow>();
    for (const row of rows) if (!last.has(row.ledger_seq)) last.set(row.ledger_seq, row);
    return [...last.values()].flatMap((row) => judgedOf(row));
  }

  balance(): LedgerBalance {
    const one = (sql: string) => this.database.prepare<[], number>(sql).pluck().get() ?? 0;
    return this.database.transaction(() => ({
      lastLedgerSeq: one('SELECT max(ledger_seq) FROM results'),
      counted: one('SELECT sum(row_count) FROM counters'),
    }))();
  }
}

function judgedOf(row: JudgedRow): JudgedResult[] {
  if (row.label !== 'ok' && row.label !== 'ng') return [];
  return [
    {
      resultId: row.result_id,
      cameraId: row.camera_id,
      recipe: row.recipe_id,
      partId: row.part_id,
      model: row.model_name,
      modelSha256: row.model_sha256,
      verdict: row.verdict as Verdict,
      probability: row.defect_probability,
      label: row.label,
      defectClass: row.defect_class,
      reviewer: row.reviewer,
    },
  ];
}

function filterOf(conditions: readonly (readonly [string, unknown])[]): { sql: string; values: unknown[] } {
  const given = conditions.filter(([, value]) => value !== undefined);
  return { sql: given.map(([sql]) => `AND ${sql}`).join(' '), values: given.map(([, value]) => value) };
}
