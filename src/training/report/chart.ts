/** Small charts as inline SVG: no script, nothing fetched. */

import { shownText } from '../../frame/shown-text.ts';

export type Point = readonly [x: number, y: number];

export interface Line {
  readonly points: readonly Point[];
  readonly name?: string;
  readonly colour: string;
  readonly isDashed?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Upper end of the y axis; 1 where it is a share. */
  readonly top?: number;
  /** Vertical marks with a word each. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[];
}

export const COLOURS = { good: '#2e7d32', bad: '#c62828', line: '#1565c0', quiet: '#9e9e9e' } as const;

const SIZE = 320;
const LEFT = 54;
const BOTTOM = 40;
const TOP = 26;
const RIGHT = 12;

/** As people are shown it: see shownText. */
export function escapeHtml(text: string): string {
  return shownText(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const across = (x: number) => LEFT + x * (SIZE - LEFT - RIGHT);
const upward = (y: number) => SIZE - BOTTOM - y * (SIZE - BOTTOM - TOP);

/** Lines over x 0..1 and y 0..top. */
export function lineChart(lines: readonly Line[], options: ChartOptions): string {
  const { top = 1 } = options;
  const drawn = lines.map(({ points, colour, isDashed, name }) => {
    const path = points.map(([x, y]) => `${across(x).toFixed(1)},${upward(y / top).toFixed(1)}`).join(' ');
    const dash = isDashed === true ? ' stroke-dasharray="4 3"' : '';
    const title = name === undefined ? '' : `<title>${escapeHtml(name)}</title>`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.6"${dash}>${title}</polyline>`;
  });
  // Beside the title: inside the frame a line may run anywhere.
  const names = lines.flatMap(({ name, colour }) =>
    name === undefined ? [] : [`<tspan dx="8" fill="${colour}">${escapeHtml(name)}</tspan>`],
  );
  const legend = `<text x="${SIZE - RIGHT}" y="14" text-anchor="end">${names.join('')}</text>`;
  return frame(drawn.join('') + legend, options);
}

/** Two histograms back to back: shares of good and of defective images per bin. */
export function histogram(good: readonly number[], bad: readonly number[], options: ChartOptions): string {
  const bars = (values: readonly number[], colour: string, shift: number) =>
    values
      .map((value, i) => {
        const width = (across(1) - across(0)) / values.length / 2 - 0.5;
        const x = across((i + shift / 2) / values.length);
        const y = upward(value / (options.top ?? 1));
        return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${(upward(0) - y).toFixed(1)}" fill="${colour}"/>`;
      })
      .join('');
  return frame(bars(good, COLOURS.good, 0) + bars(bad, COLOURS.bad, 1), options);
}

export interface Dot {
  readonly at: Point;
  readonly colour: string;
  readonly name?: string;
  /** A ring instead of a disc. */
  readonly isHollow?: boolean;
}

/** Dots, and perhaps lines over them, over x and y 0..1. */
export function scatter(dots: readonly Dot[], lines: readonly Line[], options: ChartOptions): string {
  const drawn = dots.map(({ at: [x, y], colour, name, isHollow }) => {
    const fill = isHollow === true ? `none" stroke="${colour}` : `${colour}" fill-opacity="0.55`;
    const title = name === undefined ? '' : `<title>${escapeHtml(name)}</title>`;
    return `<circle cx="${across(x).toFixed(1)}" cy="${upward(y).toFixed(1)}" r="3" fill="${fill}">${title}</circle>`;
  });
  const over = lines.map(({ points, colour }) => {
    const path = points.map(([x, y]) => `${across(x).toFixed(1)},${upward(y).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>`;
  });
  return frame([...drawn, ...over].join(''), options);
}

function frame(content: string, { title, x, y, top = 1, marks = [] }: ChartOptions): string {
  const ticks = [0, 0.25, 0.5, 0.75, 1]
    .map(
      (t) =>
        `<line x1="${across(t)}" x2="${across(t)}" y1="${upward(0)}" y2="${upward(1)}" stroke="#eee"/>` +
        `<line x1="${across(0)}" x2="${across(1)}" y1="${upward(t)}" y2="${upward(t)}" stroke="#eee"/>` +
        `<text x="${across(t)}" y="${SIZE - BOTTOM + 14}" text-anchor="middle">${t}</text>` +
        `<text x="${LEFT - 5}" y="${upward(t) + 4}" text-anchor="end">${Number((t * top).toPrecision(2))}</text>`,
    )
    .join('');
  const marked = marks
    .map(
      ({ at, name }) =>
        `<line x1="${across(at)}" x2="${across(at)}" y1="${upward(0)}" y2="${upward(1)}" stroke="#000" stroke-dasharray="2 3"/>` +
        `<text x="${across(at) + 3}" y="${upward(1) + 10}">${escapeHtml(name)}</text>`,
    )
    .join('');
  return (
    `<svg viewBox="0 0 ${SIZE} ${SIZE}" width="${SIZE}" height="${SIZE}" role="img" aria-label="${escapeHtml(title)}">` +
    `<text x="${LEFT}" y="14" font-weight="bold">${escapeHtml(title)}</text>${ticks}${content}${marked}` +
    `<text x="${across(0.5)}" y="${SIZE - 8}" text-anchor="middle">${escapeHtml(x)}</text>` +
    `<text x="12" y="${upward(0.5)}" text-anchor="middle" transform="rotate(-90 12 ${upward(0.5)})">${escapeHtml(y)}</text></svg>`
  );
}
