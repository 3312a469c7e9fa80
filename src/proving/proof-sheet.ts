/** Proofs as one HTML file: everything inside, no script, nothing fetched. Every text from outside is escaped. */

import type { HeatMap } from '../frame/heat-map.ts';
import { isUnfamiliar, UNFAMILIAR } from '../frame/score.ts';
import type { RecordedResult } from '../frame/verdict.ts';
import type { ChainLink } from '../record/contract.ts';
import { escapeHtml } from '../training/report/chart.ts';
import type { Proof } from './proof.ts';

export interface SheetInput {
  readonly proofs: readonly Proof[];
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  /** What checking the whole store came to; null where it was not done. */
  readonly verified: {
    readonly ok: boolean;
    readonly rows: number;
    readonly lastLedgerSeq: number;
    readonly chainHash: string;
    readonly problems: number;
  } | null;
}

const STYLE =
  'body{font:14px/1.45 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}table{border-collapse:collapse;width:100%}' +
  'td,th{border:1px solid #ccc;padding:.3em .7em;text-align:left;vertical-align:top}th{width:30%;font-weight:600}td,pre{overflow-wrap:anywhere}' +
  'pre{background:#f4f4f4;padding:.6em;white-space:pre-wrap;font-size:12px}.yes{color:#06603f;font-weight:600}.no{color:#b01717;font-weight:600}' +
  'svg{width:100%;max-height:560px;background:#000;margin:.5em 0}section{break-after:page}h2{margin-top:1.6em}.quiet{color:#555}';

export function proofSheet(input: SheetInput): string {
  const [first] = input.proofs;
  const title = `Proof of inspection ${first?.result.partId ?? first?.result.frameId ?? ''}`;
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${STYLE}</style><body>` +
    `<h1>${escapeHtml(title)}</h1><p>Made ${iso(input.madeAt)} by Loupe ${escapeHtml(input.version)}, ${input.proofs.length} ` +
    `${input.proofs.length === 1 ? 'result' : 'results'}. Everything marked as checked was computed from the store at that moment.</p>` +
    `${storeOf(input)}${input.proofs.map(sectionOf).join('\n')}</body></html>\n`
  );
}

function storeOf({ verified }: SheetInput): string {
  if (verified === null) {
    return '<p>The rows below were checked, with their neighbours. The whole ledger was not: <code>loupe verify --store DIR</code> does that.</p>';
  }
  const { ok, rows, lastLedgerSeq, chainHash, problems } = verified;
  const text = ok ? `every row and every kept picture agree` : `${problems} problems found: run loupe verify`;
  return `<p>The whole ledger, ${rows} rows up to ${lastLedgerSeq}: ${check(ok, text)}. Its chain ends in <code>${escapeHtml(chainHash)}</code>.</p>`;
}

function sectionOf(proof: Proof): string {
  const { result } = proof;
  return (
    `<section><h2>Row ${result.ledgerSeq}: ${escapeHtml(result.verdict)}</h2>${pictureOf(proof)}` +
    table(factsOf(result)) +
    `<h3>Picture and model</h3>${table(hashesOf(proof))}<h3>Place in the ledger</h3>${table(chainOf(proof))}` +
    `<h3>Decided again now</h3><p>${replayOf(proof)}</p><h3>What people said</h3>${reviewsOf(proof)}<h3>Checking by hand</h3>${byHand(proof)}</section>`
  );
}

function pictureOf({ picture, pictureFault, heatMap, heatMapFault }: Proof): string {
  if (picture === null) return `<p class="quiet">No picture: ${escapeHtml(pictureFault ?? '')}.</p>`;
  const { url, width, height, isOriginal } = picture;
  const cells = heatMap === null ? '' : cellsOf(heatMap, width, height);
  const notes = [
    isOriginal ? 'The picture as it was received.' : 'A preview: the hash below is of the picture as it was received.',
    heatMap === null
      ? `No heat map: ${heatMapFault ?? 'none'}.`
      : `Red: where the model saw the defect (${heatMap.method === 'occlusion' ? 'found by painting spots over' : 'as the model itself says'}).`,
  ];
  return `<svg viewBox="0 0 ${width} ${height}" role="img"><image href="${url}" width="${width}" height="${height}"/>${cells}</svg><p class="quiet">${escapeHtml(notes.join(' '))}</p>`;
}

function cellsOf({ columns, rows, values, area }: HeatMap, width: number, height: number): string {
  const [w, h] = [(area.width * width) / columns, (area.height * height) / rows];
  return values
    .map((value, i) => {
      if (value < 0.05) return '';
      const [x, y] = [area.x * width + (i % columns) * w, area.y * height + Math.floor(i / columns) * h];
      return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${w.toFixed(1)}" height="${h.toFixed(1)}" fill="#f00" fill-opacity="${(0.55 * value).toFixed(2)}"/>`;
    })
    .join('');
}

type Facts = readonly (readonly [name: string, html: string])[];

function unfamiliarText(unfamiliarity: number): string {
  const said = isUnfamiliar({ unfamiliarity }) ? 'the model has learned nothing like it' : 'no';
  return `${said} (${unfamiliarity}, from ${UNFAMILIAR} on no PASS)`;
}

function factsOf(result: RecordedResult): Facts {
  const { cuts, model, modelInput, times } = result;
  const ids = [result.jobId, result.productId, result.measId].filter((id) => id !== null);
  const roi = modelInput?.roi ?? null;
  return [
    ['Verdict', `${escapeHtml(result.verdict)}, the part goes to: ${escapeHtml(result.disposition)}`],
    ['Reason', text(result.reason === null ? null : `${result.reason}: ${result.reasonDetail ?? ''}`)],
    ['Score', text(result.defectProbability)],
    ['Unfamiliar', text(result.unfamiliarity === null ? null : unfamiliarText(result.unfamiliarity))],
    [
      'Cuts',
      text(cuts === null ? null : `PASS below ${cuts.passBelow}, FAIL from ${cuts.failAbove}, between them REVIEW`),
    ],
    ['Part', text(result.partId)],
    ['Job, product, measurement', ids.length === 0 ? '–' : ids.map(isolated).join(', ')],
    ['Camera and frame', escapeHtml(`${result.cameraId} / ${result.frameId}`)],
    ['Captured', text(result.capturedAt === null ? null : iso(result.capturedAt))],
    ['Received, decided', `${iso(result.receivedAt)}, ${iso(result.decidedAt)} (${times.totalMs.toFixed(1)} ms)`],
    ['Recipe', text(result.recipeId)],
    [
      'Model',
      text(
        model === null ? null : `${model.name}/${model.version} ${model.variant ?? ''} on ${result.provider ?? '?'}`,
      ),
    ],
    [
      'Region',
      modelInput === null
        ? 'not recorded'
        : roi === null
          ? 'the whole picture'
          : `x ${roi.x}, y ${roi.y}, width ${roi.width}, height ${roi.height} of the picture`,
    ],
    ['Simulated', result.isSimulated ? 'yes: no real part' : 'no'],
    ['Result id', escapeHtml(result.resultId)],
  ];
}

function hashesOf({ result, pictureSha256, pictureFault }: Proof): Facts {
  const isSame = pictureSha256 === result.imageSha256;
  const seen =
    pictureSha256 === null ? escapeHtml(pictureFault ?? '') : check(isSame, isSame ? 'the file has it' : pictureSha256);
  return [
    ['Picture', `${result.imageBytes} bytes, ${escapeHtml(result.imageMediaType)}`],
    ['Picture SHA-256, recorded', code(result.imageSha256)],
    ['Checked now', seen],
    ['Model SHA-256, recorded', code(result.model?.sha256 ?? '–')],
    ['Contract SHA-256, recorded', code(result.modelInput?.contractSha256 ?? '–')],
  ];
}

function chainOf({ result, chain }: Proof): Facts {
  const { next } = chain;
  return [
    ['Row', String(result.ledgerSeq)],
    ['Hash of the row before', code(chain.previousHash)],
    ['Hash of this row, recorded', code(chain.recordedHash)],
    ['Checked now', held(chain)],
    ['Hash of the row after', next === null ? 'this is the last row' : code(next.recordedHash)],
    ['Checked now', next === null ? '–' : held(next)],
  ];
}

function held({ recordedHash, computedHash }: ChainLink): string {
  const holds = recordedHash === computedHash;
  return check(
    holds,
    holds ? 'the row hashes to it, chained to the row before' : `the row hashes to ${computedHash}: it was changed`,
  );
}

function replayOf({ result, replayed }: Proof): string {
  switch (replayed.kind) {
    case 'same':
      return `${check(true, 'the same verdict')}: score ${replayed.probability ?? '–'} on ${replayed.provider ?? '–'} against ${result.defectProbability ?? '–'} recorded, at most ${replayed.tolerance ?? '–'} apart.`;
    case 'different':
    case 'damaged':
      return check(false, replayed.detail ?? replayed.kind);
    case 'not_replayable':
      return `Not possible: ${escapeHtml(replayed.detail)}.`;
    case 'failed':
      return check(false, `it failed: ${replayed.detail}`);
  }
}

function reviewsOf({ reviews }: Proof): string {
  if (reviews.length === 0) return '<p class="quiet">Nobody has judged it.</p>';
  const rows = reviews.map(({ label, reviewer, reviewedAt, defectClass, comment }) =>
    [iso(reviewedAt), reviewer, label, defectClass ?? '', comment ?? '']
      .map((cell) => `<td>${escapeHtml(cell)}</td>`)
      .join(''),
  );
  return `<table><tr><th>When<th>Who<th>Said<th>Kind<th>Comment${rows.map((row) => `<tr>${row}`).join('')}</table><p class="quiet">The last counts.</p>`;
}

/** Commands for a copy of the store, with nothing of Loupe's. */
function byHand({ result, chain }: Proof): string {
  const image =
    result.imagePath === null ? [] : [`sha256sum images/${result.imagePath}`, `# expected ${result.imageSha256}`];
  const hashed = Buffer.from(chain.hashedText, 'utf8').toString('base64');
  const lines = [
    '# in a copy of the store folder',
    ...image,
    `sqlite3 -readonly ledger.db "select ledger_seq, chain_hash from results where ledger_seq between ${result.ledgerSeq - 1} and ${result.ledgerSeq + 1}"`,
    `sqlite3 -readonly -line ledger.db "select * from results where ledger_seq = ${result.ledgerSeq}"`,
    `# the text that was hashed: the hash before, a line feed, the columns as JSON; compare it with the row (sqlite3 shows 15 digits)`,
    `echo ${hashed} | base64 -d; echo`,
    `echo ${hashed} | base64 -d | sha256sum`,
    `# expected ${chain.recordedHash}`,
  ];
  return `<pre>${lines.map(escapeHtml).join('\n')}</pre>`;
}

function table(facts: Facts): string {
  return `<table>${facts.map(([name, html]) => `<tr><th>${name}<td>${html}`).join('')}</table>`;
}

const text = (value: string | number | null) => (value === null ? '–' : escapeHtml(String(value)));
/** Between others: its direction is its own. */
const isolated = (value: string) => `<bdi>${escapeHtml(value)}</bdi>`;
const code = (value: string) => `<code>${escapeHtml(value)}</code>`;
const iso = (ms: number) => new Date(ms).toISOString();
const check = (holds: boolean, said: string) =>
  `<span class="${holds ? 'yes' : 'no'}">${holds ? '✓' : '✕'} ${escapeHtml(said)}</span>`;
