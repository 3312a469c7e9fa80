/** What a report shows beside the figures of one model: its plane, how it learns, and what others would cost. */

import { type CurvePoint, moreImagesSentence } from '../learning-curve.ts';
import { COLOURS, escapeHtml, lineChart, scatter } from './chart.ts';
import type { Plane } from './plane.ts';

/** A model, or a variant of one, measured on the same images. */
export interface CostPoint {
  readonly name: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  /** Median of one image in an engine here. */
  readonly inferMs: number;
  readonly auroc: number;
  /** Shares at its own cuts. */
  readonly escapeRate: number;
  readonly falseRejectRate: number;
}

export interface SeenPlane extends Plane {
  readonly isDefective: readonly boolean[];
  readonly files: readonly string[];
}

export interface Beside {
  /** The images along the leading components of the model's embedding; null where its graph gives none. */
  readonly plane: SeenPlane | null;
  /** The measured model first. */
  readonly costs: readonly CostPoint[];
  /** Share of the defective images that may pass, for the choice of the cheapest model. */
  readonly maxEscapes: number;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** @param plane null where the graph gives no embedding */
export function planeSection(plane: SeenPlane | null): string {
  const title = '<h2>Where the decision lies</h2>';
  if (plane === null) return `${title}<p>Not shown: the graph has no output "embedding".</p>`;
  const dots = plane.points.map((at, i) => ({
    at,
    colour: plane.isDefective[i] === true ? COLOURS.bad : COLOURS.good,
    name: plane.files[i] ?? '',
  }));
  const line = plane.boundary === null ? [] : [{ points: plane.boundary, colour: COLOURS.line }];
  const [first, second] = plane.shares;
  const says =
    plane.agreement === null
      ? 'The model calls all of these images the same: there is no line.'
      : `The line is the straight one that comes nearest to the model's own decision at 0.5: it agrees with it on ${percent(plane.agreement)} ` +
        'of these images. What it gets wrong is decided along directions that this picture does not show.';
  return (
    `${title}<p>${plane.points.length} images as the model's last layer sees them, along the two leading principal components ` +
    `(${percent(first)} and ${percent(second)} of the variance). OK green, NG red. ${says}</p>` +
    scatter(dots, line, { title: 'Embedding', x: 'component 1', y: 'component 2' })
  );
}

/** @param points fewest parts first; empty where the package brings none */
export function curveSection(points: readonly CurvePoint[]): string {
  const title = '<h2>Would more images help?</h2>';
  const last = points.at(-1);
  const says = moreImagesSentence(points);
  if (last === undefined || says === null) {
    return `${title}<p>Not known: the package has no report/learning-curve.json (loupe teach --curve, train_folder.py --curve).</p>`;
  }
  const missed = points.map(({ auroc }) => 1 - auroc);
  const top = Math.max(...missed, 1e-3);
  const line = points.map(({ parts }, i) => [parts / last.parts, missed[i] ?? 0] as const);
  return (
    `${title}<p>Made of ${points.map(({ parts }) => parts).join(', ')} parts, each time measured on the same images of other parts. ` +
    `${says}. A small step may be chance.</p>` +
    lineChart([{ points: line, colour: COLOURS.line }], {
      title: '1 - AUROC on other parts',
      x: `share of ${last.parts} parts`,
      y: '1 - AUROC',
      top,
    })
  );
}

export function costSection({ costs: points, maxEscapes }: Pick<Beside, 'costs' | 'maxEscapes'>): string {
  const title = '<h2>Accuracy against cost</h2>';
  if (points.length < 2) {
    return `${title}<p>One model only: name others with --beside, or give the package variants.</p>`;
  }
  const slowest = Math.max(...points.map(({ inferMs }) => inferMs));
  const worst = Math.max(...points.map(({ auroc }) => 1 - auroc), 1e-3);
  const dots = points.map(({ name, inferMs, auroc }, i) => ({
    at: [inferMs / slowest, (1 - auroc) / worst] as const,
    colour: i === 0 ? COLOURS.bad : COLOURS.line,
    name,
  }));
  const meeting = points
    .filter(({ escapeRate }) => escapeRate <= maxEscapes)
    .toSorted((a, b) => a.inferMs - b.inferMs)[0];
  const rows = points.map(
    ({ name, width, height, bytes, inferMs, auroc, escapeRate, falseRejectRate }) =>
      `<tr><td>${escapeHtml(name)}<td>${width}x${height}<td>${(bytes / 1e6).toFixed(1)}<td>${inferMs.toFixed(2)}` +
      `<td>${auroc.toFixed(4)}<td>${percent(escapeRate)}<td>${percent(falseRejectRate)}`,
  );
  return (
    `${title}<p>Each on the same images, with its own cuts. ` +
    (meeting === undefined
      ? `None lets at most ${percent(maxEscapes)} of the defective images pass.`
      : `The cheapest that lets at most ${percent(maxEscapes)} of the defective images pass: <b>${escapeHtml(meeting.name)}</b>.`) +
    '</p><table><tr><th>Model<th>Input<th>MB<th>ms per image<th>AUROC<th>Escapes<th>False rejects' +
    `${rows.join('')}</table>` +
    scatter(dots, [], {
      title: 'The measured model red',
      x: `ms per image, share of ${slowest.toFixed(2)}`,
      y: `1 - AUROC, share of ${worst.toFixed(3)}`,
    })
  );
}
