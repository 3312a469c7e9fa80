/** The ledger, searched. */

import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react';
import { choose } from './address.ts';
import { VERDICTS } from '../../frame/verdict.ts';
import { getJson, type ResultJson, type ResultsPage as Page, textOf } from './api.ts';
import { DownloadLink } from './download-link.tsx';
import { formatMs, formatProbability } from './gauges.tsx';
import { VerdictBadge } from './verdict.tsx';
import { useWords } from './words.ts';
import { TIME_ZONE, timeText } from './texts.ts';
import { instantOf } from './time-text.ts';

const TIMES = ['since', 'until'];
const SEARCH_MS = 5000;

/** @param props.chosen as in the address */
export function ResultsPage({ chosen }: { readonly chosen: string }) {
  const words = useWords();
  const query = queryOf(new URLSearchParams(chosen));
  const form = useRef<HTMLFormElement>(null);
  const [rows, setRows] = useState<readonly ResultJson[] | null>(null);
  const [next, setNext] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(true);
  const running = useRef(new AbortController());

  /** Adds a page of `search` to `old`. What was asked before is not waited for: it may be of another search. */
  const load = useCallback(async (search: string, before: number | null, old: readonly ResultJson[]) => {
    running.current.abort();
    running.current = new AbortController();
    const { signal } = running.current;
    setIsBusy(true);
    setRows(before === null ? null : old);
    setNext(null);
    setFailure(null);
    try {
      let page: Page = { results: [], next: before };
      // A page may be empty and still go on: a rare part is looked for further back, with an eye on the clock.
      const endsAt = performance.now() + SEARCH_MS;
      do {
        const cursor: string = page.next === null ? '' : `&before=${page.next}`;
        page = await getJson<Page>(`/api/v1/results?limit=50${search}${cursor}`, signal);
      } while (page.results.length === 0 && page.next !== null && performance.now() < endsAt);
      setRows([...old, ...page.results]);
      setNext(page.next);
    } catch (error) {
      if (signal.aborted) return;
      setNext(before);
      setFailure(textOf(error));
    }
    setIsBusy(false);
  }, []);
  useEffect(() => {
    void load(query, null, []);
    return () => running.current.abort();
  }, [load, query]);

  // What is searched stands in the fields, however one came here.
  useEffect(() => {
    const then = new URLSearchParams(chosen);
    for (const field of form.current?.elements ?? []) {
      if (isField(field)) field.value = then.get(field.name) ?? '';
    }
  }, [chosen]);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = [...event.currentTarget.elements].filter(isField);
    const next = Object.fromEntries(fields.map(({ name, value }) => [name, value.trim()]));
    if (queryOf(new URLSearchParams(next)) === query) void load(query, null, []);
    else choose(next, true);
  };
  return (
    <main className="results">
      <h1 className="hidden">{words.results}</h1>
      <form ref={form} className="search" onSubmit={submit}>
        <Field name="part" label={words.part} />
        <Field name="job" label={words.job} />
        <Field name="camera" label={words.camera} />
        <label>
          {words.verdict}
          <select name="verdict">
            <option value="">{words.any}</option>
            {VERDICTS.map((verdict) => (
              <option key={verdict} value={verdict}>
                {words[verdict]}
              </option>
            ))}
          </select>
        </label>
        <Field name="model" label={words.model} />
        <Field name="since" label={words.since} type="datetime-local" />
        <Field name="until" label={words.until} type="datetime-local" />
        <Field name="min_probability" label={words.minProbability} type="number" />
        <Field name="max_probability" label={words.maxProbability} type="number" />
        <button type="submit" className="primary">
          {words.search}
        </button>
        {(['csv', 'jsonl'] as const).map((format) => (
          <DownloadLink
            key={format}
            where={`/api/v1/results/export?format=${format}${query}`}
            name={`loupe-results.${format}`}
            onFailure={(error) => setFailure(textOf(error))}
          >
            {format === 'csv' ? words.exportCsv : words.exportJsonl}
          </DownloadLink>
        ))}
        {TIME_ZONE !== undefined && <p className="quiet">{words.timesIn(TIME_ZONE)}</p>}
      </form>
      {failure !== null && (
        <p className="banner bad" role="alert">
          {words.failed}: {failure}
        </p>
      )}
      {rows !== null && <Table rows={rows} />}
      {next !== null && (
        <button type="button" onClick={() => void load(query, next, rows ?? [])}>
          {words.more}
        </button>
      )}
      {isBusy && (
        <p className="quiet" role="status">
          {words.working}
        </p>
      )}
      {!isBusy && next === null && rows !== null && (
        <p className="quiet">{rows.length === 0 ? words.noResults : words.noMore}</p>
      )}
    </main>
  );
}

const isField = (element: Element) => element instanceof HTMLInputElement || element instanceof HTMLSelectElement;

/** A year of more than four digits, which browsers let people type, is no time to JavaScript. */
const BOUNDS = { text: {}, number: { min: 0, max: 1, step: 'any' }, 'datetime-local': { max: '9999-12-31T23:59' } };

function Field({
  name,
  label,
  type = 'text',
}: {
  readonly name: string;
  readonly label: string;
  readonly type?: keyof typeof BOUNDS;
}) {
  const bounds = BOUNDS[type];
  return (
    <label>
      {label}
      <input name={name} type={type} autoComplete="off" {...bounds} />
    </label>
  );
}

function Table({ rows }: { readonly rows: readonly ResultJson[] }) {
  const words = useWords();
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={words.results}>
      <table>
        <thead>
          <tr>
            <th>{words.verdict}</th>
            <th>{words.time}</th>
            <th>{words.camera}</th>
            <th>{words.part}</th>
            <th>{words.frame}</th>
            <th className="number">{words.probability}</th>
            <th className="number">{words.latency}</th>
            <th>{words.model}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.resultId}>
              <td>
                <a href={`#/results/${row.resultId}`}>
                  <VerdictBadge verdict={row.verdict} />
                </a>
              </td>
              <td>{row.receivedAt === null ? '' : timeText(row.receivedAt)}</td>
              <td>{row.cameraId}</td>
              <td className="long">{row.partId ?? ''}</td>
              <td className="long">{row.frameId}</td>
              <td className="number">{formatProbability(row.defectProbability)}</td>
              <td className="number">{formatMs(row.timing.totalMs)}</td>
              <td>{row.model === null ? '' : `${row.model.name}/${row.model.version}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** As the service is asked: times are of the plant's clock. */
function queryOf(chosen: URLSearchParams): string {
  const parts: string[] = [];
  for (const [name, value] of chosen) {
    if (value === '') continue;
    const at = TIMES.includes(name) ? instantOf(value, TIME_ZONE) : Number.NaN;
    parts.push(`&${name}=${encodeURIComponent(Number.isNaN(at) ? value : new Date(at).toISOString())}`);
  }
  return parts.join('');
}
