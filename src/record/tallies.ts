/** Counts of the rows of one group, added to the tables in the group's own transaction. */

import { isUnfamiliar } from '../frame/score.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import { latencyBucketOf } from '../statistics/latency.ts';
import { scoreBinOf } from '../statistics/score-bins.ts';
import type { Database } from './database.ts';

export const QUARTER_MS = 900_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

type SeriesKey = readonly [camera: string, recipe: string, model: string, version: string, sha256: string];
type Cell = { readonly key: readonly (string | number)[]; rows: number };

export class Tallies {
  private readonly statements: ReturnType<typeof prepare>;
  /** Valid as long as every transaction succeeds; the tables are opened anew after one that did not. */
  private readonly seriesIds = new Map<string, number>();
  private readonly outcomes = new Map<string, Cell>();
  private readonly latencies = new Map<string, Cell>();
  private readonly scores = new Map<string, Cell>();
  private readonly counters = new Map<string, Cell>();

  constructor(database: Database) {
    this.statements = prepare(database);
  }

  /** Forgets what was noted and not written. */
  clear(): void {
    for (const cells of [this.outcomes, this.latencies, this.scores, this.counters]) cells.clear();
  }

  note(result: RecordedResult): void {
    const { cameraId, verdict, receivedAt, times, defectProbability } = result;
    const series = this.seriesOf(result);
    add(this.counters, [cameraId, verdict]);
    add(this.outcomes, [Math.floor(receivedAt / QUARTER_MS), series, verdict]);
    add(this.latencies, [Math.floor(receivedAt / HOUR_MS), series, latencyBucketOf(times.totalMs)]);
    // What the cuts would have done: a picture that is unfamiliar goes to a person whatever they are.
    if (defectProbability === null || isUnfamiliar(result)) return;
    add(this.scores, [series, Math.floor(receivedAt / DAY_MS), scoreBinOf(defectProbability)]);
  }

  write(): void {
    for (const { key, rows } of this.counters.values()) this.statements.count.run(...key, rows);
    for (const { key, rows } of this.outcomes.values()) this.statements.outcome.run(...key, rows);
    for (const { key, rows } of this.latencies.values()) this.statements.latency.run(...key, rows);
    for (const { key, rows } of this.scores.values()) this.statements.score.run(...key, rows);
    this.clear();
  }

  private seriesOf({ cameraId, recipeId, cuts, model }: RecordedResult): number {
    // A recipe that nobody configured has no cuts, and is no series: its name is the sender's to choose.
    const recipe = cuts === null ? '' : (recipeId ?? '');
    const series: SeriesKey = [cameraId, recipe, model?.name ?? '', model?.version ?? '', model?.sha256 ?? ''];
    const name = JSON.stringify(series);
    const known = this.seriesIds.get(name);
    if (known !== undefined) return known;
    this.statements.addSeries.run(...series);
    const id = this.statements.findSeries.get(...series) ?? 0;
    this.seriesIds.set(name, id);
    return id;
  }
}

function add(cells: Map<string, Cell>, key: Cell['key']): void {
  const name = key.join(' ');
  const cell = cells.get(name);
  if (cell === undefined) cells.set(name, { key, rows: 1 });
  else cell.rows++;
}

function prepare(database: Database) {
  return {
    count: database.prepare<(string | number)[]>(
      `INSERT INTO counters VALUES (?, ?, ?)
       ON CONFLICT (camera_id, verdict) DO UPDATE SET row_count = row_count + excluded.row_count`,
    ),
    outcome: database.prepare<(string | number)[]>(
      `INSERT INTO outcome_counts VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET row_count = row_count + excluded.row_count`,
    ),
    latency: database.prepare<(string | number)[]>(
      `INSERT INTO latency_counts VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET row_count = row_count + excluded.row_count`,
    ),
    score: database.prepare<(string | number)[]>(
      `INSERT INTO score_counts VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET row_count = row_count + excluded.row_count`,
    ),
    addSeries: database.prepare<SeriesKey[number][]>(
      `INSERT INTO series (camera_id, recipe_id, model_name, model_version, model_sha256) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    ),
    findSeries: database
      .prepare<SeriesKey[number][], number>(
        `SELECT series_id FROM series
         WHERE camera_id = ? AND recipe_id = ? AND model_name = ? AND model_version = ? AND model_sha256 = ?`,
      )
      .pluck(),
  };
}
