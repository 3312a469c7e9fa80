/** The report for a person. */

import CliTable from 'cli-table3';
import type { Report } from './report.ts';

const style = { style: { head: [], border: [] } };
const PLACES = 2;

/** @returns tables, with a line at the end for each figure that was promised */
export function textOf({ bare, cases, roads, wanted }: Report): string {
  const full = table(
    [
      'model',
      'picture',
      'what',
      'frames/s',
      'CPU ms',
      'x bare',
      'sender ms',
      'fps/bare',
      'p50 ms',
      'p99 ms',
      'RSS MB',
      'others',
    ],
    [
      ...bare.map((one) => [...named(one, 'bare'), one.fps, one.cpu_ms, 1, '', 1, ...tail(one)]),
      ...cases.map((one) => [
        ...named(one, `${one.road} x${one.cameras}`),
        one.fps,
        one.cpu_ms,
        one.cpu_ratio,
        one.client_cpu_ms,
        one.throughput_ratio,
        ...tail(one),
      ]),
    ],
  );
  const alone = table(
    ['model', 'picture', 'road', 'p50 ms alone', 'added ms', 'cost 1..16', 'p99 ms at 70 %', 'x bare frame', 'frames'],
    roads.map((one) => [
      ...named(one, one.road),
      one.p50_ms,
      one.p50_added_ms,
      one.cost_spread,
      one.p99_ms_at_70,
      one.p99_ratio_at_70,
      one.frames_at_70,
    ]),
  );
  const verdicts = wanted.map(
    ({ name, wanted: limit, worst, met }) => `${met ? 'met   ' : 'MISSED'}  ${name} ${limit}: worst ${shown(worst)}\n`,
  );
  return `${full}\n${alone}\n${verdicts.join('')}`;
}

type Cell = string | number;

const named = (one: { readonly model: string; readonly picture: string }, what: string): Cell[] => [
  one.model,
  one.picture,
  what,
];

const tail = (one: Report['bare'][number] | Report['cases'][number]): Cell[] => [
  one.p50_ms,
  one.p99_ms,
  Math.round(one.rss_mb),
  one.other_cores,
];

function table(head: string[], rows: readonly (readonly Cell[])[]): string {
  const made = new CliTable({ head, ...style });
  for (const row of rows) made.push(row.map(shown));
  return made.toString();
}

function shown(cell: Cell): string {
  return typeof cell === 'string' ? cell : Number.isInteger(cell) ? String(cell) : cell.toFixed(PLACES);
}
