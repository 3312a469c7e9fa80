/** What Quality and the cuts workbench ask. Reads counts, never all the rows: quick however long the ledger is. */

import { type Verdict, VERDICTS } from '../frame/verdict.ts';
import { LATENCY_EDGES_MS } from '../statistics/latency.ts';
import { SCORE_STEPS } from '../statistics/score-bins.ts';
import type { JudgedResult, LedgerBalance, QualityCounts, QualityQuery, ScoreCounts, ScoresQuery } from './contract.ts';
import type { Database } from './database.ts';
import { PastCells } from './past-cells.ts';
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
  readonly unfamiliarity: number | null;
  readonly label: string;
  readonly defect_class: string | null;
  readonly reviewer: string;
}

export class Quality {
  private readonly database: Database;

  private readonly past: PastCells;

  constructor(database: Database) {
    this.database = database;
    this.past = new PastCells(database);
  }

  counts({ since, until, cameraId, recipe }: QualityQuery): QualityCounts {
    return this.database.transaction(() => {
      this.past.refresh();
      const asked = this.seriesOf([
        ['camera_id = ?', cameraId],
        ['recipe_id = ?', recipe],
      ]);
      const units = (ms: number) => [Math.floor(since / ms), Math.ceil(until / ms)] as const;
      const [first, end] = units(QUARTER_MS);
      const quarters = new Sums((end - first) * VERDICTS.length);
      const series = new Sums(asked.names.length * VERDICTS.length);
      this.past.visit('outcomes', first, end, (quarter, id, verdict, rows) => {
        const place = asked.placeOf(id);
        if (place < 0) return;
        quarters.add((quarter - first) * VERDICTS.length + verdict, rows);
        series.add(place * VERDICTS.length + verdict, rows);
      });
      const latency = new Sums(LATENCY_EDGES_MS.length + 1);
      this.past.visit('latencies', ...units(HOUR_MS), (_hour, id, bucket, rows) => {
        if (asked.placeOf(id) >= 0) latency.add(bucket, rows);
      });
      return {
        quarters: quarters.entries().map(([i, rows]) => ({
          at: (first + Math.floor(i / VERDICTS.length)) * QUARTER_MS,
          verdict: verdictAt(i),
          rows,
        })),
        series: byCameraAndRecipe(series, asked.names),
        latency: latency.entries().map(([bucket, rows]) => ({ bucket, rows })),
      };
    })();
  }

  scores({ recipe, model, cameraId, since }: ScoresQuery): ScoreCounts {
    return this.database.transaction(() => {
      const newestDay = this.past.refresh();
      const ofModel = [
        ['recipe_id = ?', recipe],
        ['model_name = ?', model.name],
        ['model_version = ?', model.version],
        ['model_sha256 = ?', model.sha256],
      ] as const;
      const asked = this.seriesOf([...ofModel, ['camera_id = ?', cameraId]]);
      const [first, end] = [Math.floor(since / DAY_MS), newestDay + 1];
      const bins = new Sums(SCORE_STEPS + 1);
      this.past.visit('scores', first, end, (_day, id, bin, rows) => {
        if (asked.placeOf(id) >= 0) bins.add(bin, rows);
      });
      const given = new Sums(VERDICTS.length);
      const perDay = DAY_MS / QUARTER_MS;
      this.past.visit('outcomes', first * perDay, end * perDay, (_quarter, id, verdict, rows) => {
        if (asked.placeOf(id) >= 0) given.add(verdict, rows);
      });
      return {
        bins: bins.entries(),
        cameras: this.seriesOf(ofModel)
          .names.map(({ cameraId: camera }) => camera)
          .sort(),
        given: given.entries().map(([i, rows]) => ({ verdict: verdictAt(i), rows })),
      };
    })();
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
                defect_probability, unfamiliarity, label, reviews.defect_class, reviewer
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

  private seriesOf(conditions: Conditions): AskedSeries {
    const filter = filterOf(conditions);
    const found = this.database
      .prepare<unknown[], { series_id: number; cameraId: string; recipe: string }>(
        `SELECT series_id, camera_id AS cameraId, recipe_id AS recipe FROM series WHERE true ${filter.sql}`,
      )
      .all(...filter.values);
    const places = new Int32Array(1 + Math.max(0, ...found.map(({ series_id: id }) => id)));
    for (const [place, { series_id: id }] of found.entries()) places[id] = place + 1;
    return { names: found, placeOf: (id) => (places[id] ?? 0) - 1 };
  }
}

/** Which series a question is about. */
interface AskedSeries {
  readonly names: readonly { readonly cameraId: string; readonly recipe: string }[];
  /** Where a series stands among them; -1 where it is none of them. A plain number: it is asked for each cell. */
  placeOf(id: number): number;
}

/** Rows by a number from 0. */
class Sums {
  private readonly rows: Float64Array;

  constructor(length: number) {
    this.rows = new Float64Array(Math.max(0, length));
  }

  add(at: number, rows: number): void {
    this.rows[at] = (this.rows[at] ?? 0) + rows;
  }

  /** Each number that has any, ascending. */
  entries(): (readonly [at: number, rows: number])[] {
    return [...this.rows.entries()].filter(([, rows]) => rows > 0);
  }
}

const verdictAt = (i: number): Verdict => VERDICTS[i % VERDICTS.length] ?? 'UNINSPECTED';

/** Models of one camera and recipe together; by camera, then recipe. */
function byCameraAndRecipe(sums: Sums, names: AskedSeries['names']): QualityCounts['series'] {
  const all = new Map<string, { cameraId: string; recipe: string; verdict: Verdict; rows: number }>();
  for (const [at, rows] of sums.entries()) {
    const { cameraId, recipe } = names[Math.floor(at / VERDICTS.length)] ?? { cameraId: '', recipe: '' };
    const verdict = verdictAt(at);
    const key = JSON.stringify([cameraId, recipe, verdict]);
    const before = all.get(key)?.rows ?? 0;
    all.set(key, { cameraId, recipe, verdict, rows: before + rows });
  }
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...all.values()].sort(
    (a, b) => order(a.cameraId, b.cameraId) || order(a.recipe, b.recipe) || order(a.verdict, b.verdict),
  );
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
      unfamiliarity: row.unfamiliarity,
      label: row.label,
      defectClass: row.defect_class,
      reviewer: row.reviewer,
    },
  ];
}

type Conditions = readonly (readonly [sql: string, value: unknown])[];

function filterOf(conditions: Conditions): { sql: string; values: unknown[] } {
  const given = conditions.filter(([, value]) => value !== undefined);
  return { sql: given.map(([sql]) => `AND ${sql}`).join(' '), values: given.map(([, value]) => value) };
}
