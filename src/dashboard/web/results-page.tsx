/** The ledger, searched. */

import { type FormEvent, useCallback, useLayoutEffect, useRef, useState } from 'react';
import { choose } from './address.ts';
import { VERDICTS } from '../../frame/verdict.ts';
import { shownText } from '../../frame/shown-text.ts';
import { downloadLarge, getJson, type ResultJson, type ResultsPage as Page, textOf } from './api.ts';
import { Failure } from './failure.tsx';
import { formatMs, formatProbability } from './gauges.tsx';
import { thisEntry, useKeptPlace } from './remembered.ts';
import { VerdictBadge } from './verdict.tsx';
import { useWords } from './words.ts';
import { TIME_ZONE, timeText } from './texts.ts';
import { instantOf } from './time-text.ts';

const TIMES = ['since', 'until'];
const SEARCH_MS = 5000;

/** Rows of one search, down to where it goes on. */
interface Found {
  readonly query: string;
  readonly rows: readonly ResultJson[];
  readonly next: number | null;
}

/** @param props.chosen as in the address */
export function ResultsPage({ chosen }: { readonly chosen: string }) {
  const words = useWords();
  const query = queryOf(new URLSearchParams(chosen));
  const form = useRef<HTMLFormElement>(null);
  const { found, isBusy, failure, load } = useSearch(query);
  const [unsaved, setUnsaved] = useState<string | null>(null);

  useKeptPlace(query, found?.query === query);
  /** What was typed beside a search and not searched for yet. */
  const begun = useRef<{ readonly chosen: string; readonly typed: Typed } | null>(null);

  // What is searched stands in the fields, or what was typed since, however one came here.
  useLayoutEffect(() => {
    const { kept, keep } = thisEntry<{ typed: Typed | null }>();
    const typedHere = () => (begun.current?.chosen === chosen ? begun.current.typed : null);
    const typed = typedHere() ?? kept.typed ?? null;
    begun.current = typed === null ? null : { chosen, typed };
    const then = typed ?? Object.fromEntries(new URLSearchParams(chosen));
    for (const field of form.current?.elements ?? []) {
      if (isField(field)) field.value = then[field.name] ?? '';
    }
    return () => keep({ typed: typedHere() });
  }, [chosen]);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = typedIn(event.currentTarget);
    begun.current = null;
    if (queryOf(new URLSearchParams(typed)) === query) void load(null);
    else choose(typed, true);
  };
  /** What the fields say, searched for or not. Asked for one row first: of a download that is refused a browser says next to nothing. */
  const save = async (format: 'csv' | 'jsonl') => {
    if (form.current?.reportValidity() !== true) return;
    const typed = queryOf(new URLSearchParams(typedIn(form.current)));
    setUnsaved(null);
    try {
      const { results, next: further } = await getJson<Page>(`/api/v1/results?limit=1${typed}`);
      if (results.length === 0 && further === null) return setUnsaved(words.noResults);
      await downloadLarge(`/api/v1/results/export?format=${format}${typed}`, `loupe-results.${format}`);
    } catch (error) {
      setUnsaved(textOf(error));
    }
  };
  return (
    <main className="results">
      <h1 className="hidden">{words.results}</h1>
      <form
        ref={form}
        className="search"
        onInput={({ currentTarget }) => {
          begun.current = { chosen, typed: typedIn(currentTarget) };
        }}
        onSubmit={submit}
      >
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
          <button key={format} type="button" onClick={() => void save(format)}>
            {format === 'csv' ? words.exportCsv : words.exportJsonl}
          </button>
        ))}
        {TIME_ZONE !== undefined && <p className="quiet">{words.timesIn(TIME_ZONE)}</p>}
      </form>
      <Failure text={unsaved === null ? null : `${words.failed}: ${unsaved}`} isAnswer />
      {found !== null && <Table rows={found.rows} />}
      <Failure text={failure === null ? null : `${words.failed}: ${failure}`} isAnswer />
      {!isBusy && found !== null && found.next !== null && (
        <button type="button" onClick={() => void load(found)}>
          {words.more}
        </button>
      )}
      {isBusy && (
        <p className="quiet" role="status">
          {words.working}
        </p>
      )}
      {!isBusy && found?.next === null && (
        <p className="quiet">{found.rows.length === 0 ? words.noResults : words.noMore}</p>
      )}
    </main>
  );
}

/** Whoever comes back to a search finds all the rows that were there. */
function useSearch(query: string) {
  const [found, setFound] = useState<Found | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(true);
  const running = useRef(new AbortController());
  const latest = useRef(found);
  latest.current = found;

  /** Adds a page to what was found before. What was asked before is not waited for: it may be of another search. */
  const load = useCallback(
    async (before: Found | null) => {
      running.current.abort();
      running.current = new AbortController();
      const { signal } = running.current;
      setIsBusy(true);
      setFound(before);
      setFailure(null);
      try {
        let page: Page = { results: [], next: before?.next ?? null };
        // A page may be empty and still go on: a rare part is looked for further back, with an eye on the clock.
        const endsAt = performance.now() + SEARCH_MS;
        do {
          const cursor: string = page.next === null ? '' : `&before=${page.next}`;
          page = await getJson<Page>(`/api/v1/results?limit=50${query}${cursor}`, signal);
        } while (page.results.length === 0 && page.next !== null && performance.now() < endsAt);
        setFound({ query, rows: [...(before?.rows ?? []), ...page.results], next: page.next });
      } catch (error) {
        if (signal.aborted) return;
        setFailure(textOf(error));
      }
      setIsBusy(false);
    },
    [query],
  );
  useLayoutEffect(() => {
    const { kept, keep } = thisEntry<{ found: Found }>();
    if (kept.found?.query === query) {
      setFound(kept.found);
      setFailure(null);
      setIsBusy(false);
    } else void load(null);
    return () => {
      running.current.abort();
      if (latest.current?.query === query) keep({ found: latest.current });
    };
  }, [load, query]);
  return { found, isBusy, failure, load };
}

const isField = (element: Element) => element instanceof HTMLInputElement || element instanceof HTMLSelectElement;

/** By the name of the field. */
type Typed = Readonly<Record<string, string>>;

const typedIn = (form: HTMLFormElement): Typed =>
  Object.fromEntries([...form.elements].filter(isField).map(({ name, value }) => [name, value.trim()]));

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
              <td className="name">{row.cameraId}</td>
              <td className="long">{shownText(row.partId ?? '')}</td>
              <td className="long">{row.frameId}</td>
              <td className="number">{formatProbability(row.defectProbability)}</td>
              <td className="number">{formatMs(row.timing.totalMs)}</td>
              <td className="name">{row.model === null ? '' : `${row.model.name}/${row.model.version}`}</td>
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
