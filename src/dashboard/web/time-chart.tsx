/** A chart over groups of time, drawn by uPlot; drawn anew where data, size or theme change, and for paper, which is light. */

import { useEffect, useRef, useSyncExternalStore } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useSettings } from './settings.ts';

export interface Line {
  readonly label: string;
  /** Name of a CSS variable of the page. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly kind: 'bars' | 'line' | 'plain' | 'steps' | 'points';
  /** What the legend says of each, where that is not how high it is drawn. */
  readonly said?: readonly (number | null)[];
}

const HEIGHT = 260;
const PAPER = window.matchMedia('print');

export function TimeChart(props: {
  readonly title: string;
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  /** Seconds since 1970: what is shown, whatever there is of it. */
  readonly span: readonly [from: number, to: number];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** IANA name: the plant's clock, not the reader's. */
  readonly timeZone: string;
  readonly timeLabel: string;
}) {
  const { title, times, span, lines, format, timeZone, timeLabel } = props;
  const [from, to] = span;
  const place = useRef<HTMLDivElement>(null);
  const { theme } = useSettings();
  const isOnPaper = useSyncExternalStore(onPaper, () => PAPER.matches);
  useEffect(() => {
    const home = place.current;
    if (home === null) return undefined;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour('text'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line') },
    };
    const chart = new UPlot(
      {
        width: home.clientWidth,
        height: HEIGHT,
        cursor: { drag: { setScale: false } },
        scales: { x: { range: () => [from, to] }, y: { range: (_self, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), timeZone),
        axes: [
          { ...axis, values: (_self, splits) => dayTexts(splits, timeZone) },
          { ...axis, size: 70, values: (_self, splits) => splits.map(format) },
        ],
        series: [
          { label: timeLabel, value: (_self, at) => (at === null ? '–' : textOf(at, timeZone)) },
          ...lines.map((line) => seriesOf(line, colour(line.colour), format)),
        ],
      },
      [[...times], ...lines.map(({ values }) => [...values])],
      home,
    );
    const fit = new ResizeObserver(() => chart.setSize({ width: home.clientWidth, height: HEIGHT }));
    fit.observe(home);
    return () => {
      fit.disconnect();
      chart.destroy();
    };
  }, [times, from, to, lines, format, theme, isOnPaper, timeZone, timeLabel]);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} role="img" aria-label={title} />
    </figure>
  );
}

function onPaper(listener: () => void): () => void {
  PAPER.addEventListener('change', listener);
  return () => PAPER.removeEventListener('change', listener);
}

function seriesOf({ label, kind, said }: Line, stroke: string, format: (value: number) => string): UPlot.Series {
  const value = (_self: UPlot, raw: number | null, _series: number, at: number | null) => {
    const meant = raw === null || at === null ? null : (said?.[at] ?? raw);
    return meant === null ? '–' : format(meant);
  };
  const { bars, stepped } = UPlot.paths;
  if (kind === 'bars' && bars !== undefined) {
    return { label, stroke, fill: stroke, value, paths: bars({ size: [0.8, 60], align: 1 }), points: { show: false } };
  }
  if (kind === 'plain') return { label, stroke, value, points: { show: false } };
  if (kind === 'points') {
    return { label, stroke, value, paths: () => null, points: { show: true, size: 12, fill: stroke } };
  }
  if (kind === 'steps' && stepped !== undefined) {
    return { label, stroke, value, dash: [6, 4], paths: stepped({ align: 1 }), points: { show: false } };
  }
  return { label, stroke, value, width: 2, points: { show: true, size: 6, fill: stroke } };
}

const textOf = (seconds: number, timeZone: string) =>
  new Date(seconds * 1000).toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });

/** Hours within a day, and the day where it begins. */
function dayTexts(splits: readonly number[], timeZone: string): string[] {
  let before = '';
  return splits.map((split) => {
    const [day = '', hour = ''] = textOf(split, timeZone).split(' ');
    const isNew = day !== before;
    before = day;
    if (hour === '00:00') return day.slice(5);
    return isNew ? `${hour}\n${day.slice(5)}` : hour;
  });
}
