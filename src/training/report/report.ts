/** The evaluation as one HTML file: pictures and charts inside, no script, nothing fetched. */

import type { Evaluation, VerdictName } from '../evaluation.ts';
import type { Measures } from '../measures.ts';
import { COLOURS, escapeHtml, histogram, lineChart } from './chart.ts';
import type { CurvePoint } from '../learning-curve.ts';
import { type Beside, costSection, curveSection, planeSection } from './extras.ts';
import { costCurve, curvesOf, densities, reliability } from './curves.ts';

export interface Mistake {
  readonly file: string;
  readonly caption: string;
  /** `data:` address of a small picture, or null where it cannot be shown. */
  readonly picture: string | null;
  /** The same with a heat map; null where there could be none, absent where none was asked for. */
  readonly heat?: string | null;
}

export interface ReportInput {
  readonly evaluation: Evaluation;
  readonly model: string;
  readonly data: string;
  /** ISO time. */
  readonly madeAt: string;
  /** How many false rejects one escape costs. */
  readonly costRatio: number;
  readonly mistakes: readonly Mistake[];
  /** Fewest parts first; empty where the package brings none. */
  readonly curve: readonly CurvePoint[];
  /** Absent where a model is just made and only held-out scores are reported. */
  readonly beside?: Beside;
  /** Logistic regression on pixels, for comparison; null where there was nothing to fit it on. */
  readonly baseline: { readonly auroc: number; readonly weightPicture: string } | null;
}

const NAMES: Readonly<Record<keyof Measures, string>> = {
  auroc: 'Area under ROC',
  averagePrecision: 'Average precision',
  accuracy: 'Accuracy at 0.5',
  ece: 'Expected calibration error (10 bins)',
  escapeRate: 'Escape rate (defective images that PASS)',
  falseRejectRate: 'False reject rate (good images that FAIL)',
  reviewRate: 'Review rate (all images)',
};

const STYLE =
  'body{font:14px/1.45 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}' +
  'svg text{font:11px system-ui,sans-serif}table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.25em .7em;text-align:right}' +
  'td:first-child,th:first-child{text-align:left}.warn{background:#fff3cd;border-left:5px solid #e69500;padding:.5em 1em;margin:.4em 0}' +
  '.row{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0;width:150px;font-size:11px;overflow-wrap:anywhere}figure img{width:150px;image-rendering:pixelated}';

export function reportHtml(input: ReportInput): string {
  const { evaluation, model, data } = input;
  const bad = evaluation.images.filter((image) => image.isDefective).length;
  const parts = [
    `<h1>${escapeHtml(model)} on ${escapeHtml(data)}</h1>`,
    `<p>${evaluation.images.length} images (${evaluation.images.length - bad} OK, ${bad} NG) of ${evaluation.groups} groups; ` +
      `PASS below ${evaluation.cuts.passBelow}, FAIL at or above ${evaluation.cuts.failAbove}. ${escapeHtml(input.madeAt)}. ` +
      'Intervals: 95 %; of the rates at the cuts Wilson&#39;s with one vote per group, of the rest a bootstrap over groups.</p>',
    ...evaluation.warnings.map((warning) => `<p class="warn">${escapeHtml(warning)}</p>`),
    figuresTable(evaluation),
    confusionTable(evaluation),
    kindsTable(evaluation),
    charts(input),
    baselineOf(input),
    input.beside === undefined ? '' : planeSection(input.beside.plane),
    curveSection(input.curve),
    input.beside === undefined ? '' : costSection(input.beside),
    latencyOf(evaluation),
    mistakesOf(input.mistakes),
  ];
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(model)}: evaluation</title>` +
    `<style>${STYLE}</style><body>${parts.join('\n')}</body></html>\n`
  );
}

const number = (value: number) => (Number.isNaN(value) ? 'not measurable' : value.toFixed(4));

function figuresTable({ measures, intervals }: Evaluation): string {
  if (measures === null) return '<p>No image was scored.</p>';
  const rows = (Object.keys(NAMES) as (keyof Measures)[]).map((key) => {
    const interval = intervals?.[key];
    const span = interval ? `${interval.low.toFixed(4)} … ${interval.high.toFixed(4)}` : 'none';
    return `<tr><td>${NAMES[key]}<td>${number(measures[key])}<td>${span}`;
  });
  return `<h2>Figures</h2><table><tr><th>Figure<th>Value<th>95 % interval${rows.join('')}</table>`;
}

const VERDICTS: readonly VerdictName[] = ['PASS', 'REVIEW', 'FAIL', 'UNINSPECTED'];

function confusionTable({ images }: Evaluation): string {
  const row = (isDefective: boolean) =>
    VERDICTS.map(
      (verdict) => `<td>${images.filter((i) => i.isDefective === isDefective && i.verdict === verdict).length}`,
    ).join('');
  const head = VERDICTS.map((verdict) => `<th>${verdict}`).join('');
  return `<h2>Verdicts at the cuts</h2><table><tr><th>${head}<tr><td>OK${row(false)}<tr><td>NG${row(true)}</table>`;
}

function kindsTable({ images }: Evaluation): string {
  const kinds = [...new Set(images.filter((image) => image.isDefective).map((image) => image.kind))].sort();
  if (kinds.length < 2) return '';
  const rows = kinds.map((kind) => {
    const of = images.filter((image) => image.isDefective && image.kind === kind);
    const passed = of.filter((image) => image.verdict === 'PASS').length;
    return `<tr><td>${escapeHtml(kind)}<td>${of.length}<td>${passed}<td>${((100 * passed) / of.length).toFixed(1)} %`;
  });
  return `<h2>Escapes by kind of defect</h2><table><tr><th>Kind<th>Images<th>Escaped<th>Share${rows.join('')}</table>`;
}

function charts({ evaluation, costRatio }: ReportInput): string {
  const { scored, measures, cuts } = evaluation;
  if (measures === null || Number.isNaN(measures.auroc))
    return '<p>No curves: they need good and defective images.</p>';
  const { roc, precisionRecall, escapes, falseRejects } = curvesOf(scored);
  const marks = [
    { at: cuts.passBelow, name: 'pass' },
    { at: cuts.failAbove, name: 'fail' },
  ];
  const good = densities(scored, false);
  const bad = densities(scored, true);
  const cost = costCurve(scored, costRatio);
  const diagonal = {
    points: [
      [0, 0],
      [1, 1],
    ] as const,
    colour: COLOURS.quiet,
    isDashed: true,
  };
  return `<h2>Curves</h2><div class="row">${[
    lineChart([diagonal, { points: roc, colour: COLOURS.line, name: `AUROC ${number(measures.auroc)}` }], {
      title: 'ROC',
      x: 'false reject rate',
      y: 'defects found',
    }),
    lineChart([{ points: precisionRecall, colour: COLOURS.line, name: `AP ${number(measures.averagePrecision)}` }], {
      title: 'Precision and recall',
      x: 'defects found',
      y: 'precision',
    }),
    histogram(good, bad, {
      title: 'Scores: OK green, NG red',
      x: 'defect probability',
      y: 'share of class',
      top: Math.max(...good, ...bad),
      marks,
    }),
    lineChart([diagonal, { points: reliability(scored), colour: COLOURS.line, name: `ECE ${number(measures.ece)}` }], {
      title: 'Reliability',
      x: 'mean probability',
      y: 'share defective',
    }),
    lineChart(
      [
        { points: escapes, colour: COLOURS.bad, name: 'escapes' },
        { points: falseRejects, colour: COLOURS.good, name: 'false rejects' },
      ],
      { title: 'Errors against the cut', x: 'cut', y: 'share of class', marks },
    ),
    lineChart([{ points: cost, colour: COLOURS.line }], {
      title: `Cost per part, an escape = ${costRatio} false rejects`,
      x: 'cut',
      y: 'false rejects',
      top: Math.max(...cost.map(([, y]) => y), 1e-3),
      marks,
    }),
  ].join('')}</div>`;
}

function baselineOf({ baseline, evaluation }: ReportInput): string {
  if (baseline === null) return '';
  return (
    `<h2>Beside it: logistic regression on pixels</h2><p>64x64x3 pixels as one row of 12,288, standardised, L2. ` +
    `AUROC ${number(baseline.auroc)}; the model: ${number(evaluation.measures?.auroc ?? Number.NaN)}. Its weights ` +
    `(red speaks for a defect, blue against):</p><img width="192" alt="weights" style="image-rendering:pixelated" src="${baseline.weightPicture}">`
  );
}

function latencyOf({ images }: Evaluation): string {
  const at = (values: readonly number[], share: number) =>
    values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0;
  // Where a model is just made its scores are held-out ones, and no engine was timed.
  const inspected = images.filter((image) => image.inferMs > 0);
  if (inspected.length === 0) return '';
  const rows = (['decodeMs', 'inferMs'] as const).map((key) => {
    const values = inspected.map((image) => image[key]);
    return `<tr><td>${key === 'decodeMs' ? 'decode' : 'inference'}<td>${at(values, 0.5).toFixed(2)}<td>${at(values, 0.99).toFixed(2)}`;
  });
  return `<h2>Time per image on this machine, ms</h2><table><tr><th>Stage<th>median<th>p99${rows.join('')}</table>`;
}

function mistakesOf(mistakes: readonly Mistake[]): string {
  if (mistakes.length === 0) {
    return '<h2>Worst mistakes</h2><p>None of the images that were scored: all are on the right side of 0.5 and of the cuts.</p>';
  }
  const figures = mistakes.map(({ file, caption, picture, heat }) => {
    const image = [picture, heat ?? null]
      .map((source) => (source === null ? '' : `<img alt="" src="${source}">`))
      .join('');
    return `<figure>${image}<figcaption>${escapeHtml(caption)}<br>${escapeHtml(file)}</figcaption></figure>`;
  });
  const maps = mistakes.filter(({ heat }) => typeof heat === 'string').length;
  const missing = mistakes.filter(({ heat }) => heat === null).length;
  const says = missing > 0 ? ` ${missing} have none: it could not be made, or took too long.` : '';
  return `<h2>Worst mistakes</h2><p>${maps > 0 ? 'Each beside the same with a heat map: red is where the model sees a defect.' : 'Without heat maps.'}${says}</p><div class="row">${figures.join('')}</div>`;
}
