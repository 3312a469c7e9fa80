/**
 * Counted cells, those of past days kept in memory: a quarter of a million of them are one question of Quality over a month, and
 * SQLite takes a second to group what a loop over arrays adds up in a millisecond.
 *
 * A past day does not change, unless the clock was set back and rows came into it after all. Every row stands in `counters` and in one
 * cell, so that shows: what is counted in all, less what is counted since the kept days ended, is then no longer what it was.
 */

import { VERDICTS } from '../frame/verdict.ts';
import type { Database } from './database.ts';

export type CellTable = 'outcomes' | 'latencies' | 'scores';

/** @param unit since 1970: quarter of an hour, hour or day. @param key index of the verdict, bucket or bin */
export type Visit = (unit: number, series: number, key: number, rows: number) => void;

interface Cells {
  readonly units: Int32Array;
  readonly series: Int32Array;
  readonly keys: Int32Array;
  readonly rows: Float64Array;
}

interface Table {
  readonly unitsPerDay: number;
  /** @returns cells of `from <= unit < to` */
  readonly load: (from: number, to: number) => Cells;
  /** By day. */
  readonly kept: Map<number, Cells>;
}

const QUARTERS_PER_DAY = 96;
/** Two of the longest spans that may be asked for; a day of 16 cameras is about 200 kB. */
const MAX_DAYS_KEPT = 200;

export class PastCells {
  private readonly tables: Readonly<Record<CellTable, Table>>;
  private readonly total: () => number;
  private readonly newestQuarter: () => number;
  private readonly countedSince: (quarter: number) => number;
  /** Days since 1970 before which cells are kept, and how many rows they and all days before them had. */
  private past: { readonly endDay: number; readonly rows: number } | null = null;

  constructor(database: Database) {
    const one = (sql: string) => {
      const statement = database.prepare<unknown[], number | null>(sql).pluck();
      return (...values: number[]) => statement.get(...values) ?? 0;
    };
    this.total = one('SELECT sum(row_count) FROM counters');
    this.newestQuarter = one('SELECT max(quarter) FROM outcome_counts');
    this.countedSince = one('SELECT sum(row_count) FROM outcome_counts WHERE quarter >= ?');
    const verdict = `CASE verdict ${VERDICTS.map((name, i) => `WHEN '${name}' THEN ${i}`).join(' ')} END`;
    this.tables = {
      outcomes: tableOf(database, QUARTERS_PER_DAY, 'quarter', `quarter, series_id, ${verdict}`, 'outcome_counts'),
      latencies: tableOf(database, 24, 'hour', 'hour, series_id, latency_bucket', 'latency_counts'),
      // Series first, as its key has them.
      scores: tableOf(
        database,
        1,
        'day',
        'day, series_id, score_bin',
        'series CROSS JOIN score_counts USING (series_id)',
      ),
    };
  }

  /** The first of what is read in a transaction: forgets what no longer holds. @returns the newest day, since 1970 */
  refresh(): number {
    const total = this.total();
    if (this.past !== null && total - this.countedSince(this.past.endDay * QUARTERS_PER_DAY) !== this.past.rows) {
      for (const { kept } of Object.values(this.tables)) kept.clear();
    }
    const endDay = Math.floor(this.newestQuarter() / QUARTERS_PER_DAY);
    this.past = { endDay, rows: total - this.countedSince(endDay * QUARTERS_PER_DAY) };
    return endDay;
  }

  /** Every cell of `from <= unit < to`, in no order. */
  visit(name: CellTable, from: number, to: number, visit: Visit): void {
    const table = this.tables[name];
    const { unitsPerDay } = table;
    const pastEnd = Math.min(to, (this.past?.endDay ?? 0) * unitsPerDay);
    for (let day = Math.floor(from / unitsPerDay); day * unitsPerDay < pastEnd; day++) {
      const { units, series, keys, rows } = dayOf(table, day);
      for (let i = 0; i < units.length; i++) {
        const unit = units[i] ?? 0;
        if (unit >= from && unit < to) visit(unit, series[i] ?? 0, keys[i] ?? 0, rows[i] ?? 0);
      }
    }
    const { units, series, keys, rows } = table.load(Math.max(from, pastEnd), to);
    for (let i = 0; i < units.length; i++) visit(units[i] ?? 0, series[i] ?? 0, keys[i] ?? 0, rows[i] ?? 0);
  }
}

function dayOf({ kept, load, unitsPerDay }: Table, day: number): Cells {
  const known = kept.get(day);
  if (known !== undefined) return known;
  const cells = load(day * unitsPerDay, (day + 1) * unitsPerDay);
  kept.set(day, cells);
  const [oldest] = kept;
  if (kept.size > MAX_DAYS_KEPT && oldest !== undefined) kept.delete(oldest[0]);
  return cells;
}

function tableOf(database: Database, unitsPerDay: number, unit: string, columns: string, from: string): Table {
  const statement = database
    .prepare<[number, number], [number, number, number, number]>(
      `SELECT ${columns}, row_count FROM ${from} WHERE ${unit} >= ? AND ${unit} < ?`,
    )
    .raw();
  const load = (first: number, end: number): Cells => {
    const found = first < end ? statement.all(first, end) : [];
    return {
      units: Int32Array.from(found, ([at]) => at),
      series: Int32Array.from(found, ([, id]) => id),
      keys: Int32Array.from(found, ([, , key]) => key),
      rows: Float64Array.from(found, ([, , , count]) => count),
    };
  };
  return { unitsPerDay, load, kept: new Map() };
}
