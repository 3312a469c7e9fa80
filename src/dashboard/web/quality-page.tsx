/** How the line has done: yield, rejects with control limits, defects, escapes, answer times, the ledger's balance. */

import { useCallback, useMemo, useRef, useState } from 'react';
import { choose } from './address.ts';
import type { Verdict } from '../../frame/verdict.ts';
import { shownText } from '../../frame/shown-text.ts';
import type { QualityJson } from '../quality-routes.ts';
import { getJson, textOf } from './api.ts';
import { percent, shareText } from './cut-comparison.tsx';
import { Failure } from './failure.tsx';
import { formatMs } from './gauges.tsx';
import { type QualityWords, useQualityWords } from './quality-words.ts';
import { FactList } from './fact-list.tsx';
import { PickOrAny } from './pick-or-any.tsx';
import { useRepeated } from './repeat.ts';
import { useSettings } from './settings.ts';
import { type Line, TimeChart } from './time-chart.tsx';
import { useWords } from './words.ts';
import { countText, TIME_ZONE } from './texts.ts';

const DAYS = [1, 7, 30, 90];
const BY = ['hour', 'shift', 'day'] as const;
const PERIOD_MS = 30_000;
const VERDICTS: readonly Verdict[] = ['PASS', 'REVIEW', 'FAIL', 'UNINSPECTED'];

interface Choice {
  readonly days: number;
  readonly by: (typeof BY)[number];
  readonly camera: string;
  readonly recipe: string;
}

/** The day by the hour where nothing was chosen, or nothing that there is. */
function choiceOf(chosen: URLSearchParams): Choice {
  return {
    days: DAYS.find((days) => String(days) === chosen.get('days')) ?? 1,
    by: BY.find((by) => by === chosen.get('by')) ?? 'hour',
    camera: chosen.get('camera') ?? '',
    recipe: chosen.get('recipe') ?? '',
  };
}

/** @param props.chosen as in the address */
export function QualityPage({ chosen }: { readonly chosen: string }) {
  const words = useQualityWords();
  const { timesIn } = useWords();
  const choice = choiceOf(new URLSearchParams(chosen));
  const { quality, known, failure } = useQuality(choice);
  const change = (part: Partial<Choice>) => {
    const { days, ...named } = { ...choice, ...part };
    choose({ days: String(days), ...named }, false);
  };
  return (
    <main className="quality">
      <h1 className="hidden">{words.rejectChart}</h1>
      <Failure text={failure} />
      <div className="search">
        <label>
          {words.span}
          <select
            value={choice.days}
            onChange={(event) => {
              const days = Number(event.target.value);
              change({ days, by: days === 1 ? 'hour' : days === 7 ? 'shift' : 'day' });
            }}
          >
            {DAYS.map((days) => (
              <option key={days} value={days}>
                {days === 1 ? words.lastDay : words.lastDays(days)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {words.by}
          <select value={choice.by} onChange={(event) => change({ by: event.target.value as Choice['by'] })}>
            {BY.map((by) => (
              <option key={by} value={by}>
                {words[by]}
              </option>
            ))}
          </select>
        </label>
        <PickOrAny
          label={words.camera}
          any={words.anyCamera}
          options={known.cameras}
          value={choice.camera}
          onChange={(camera) => change({ camera })}
        />
        <PickOrAny
          label={words.recipe}
          any={words.anyRecipe}
          options={known.recipes}
          value={choice.recipe}
          onChange={(recipe) => change({ recipe })}
        />
        {TIME_ZONE !== undefined && <p className="quiet">{timesIn(TIME_ZONE)}</p>}
      </div>
      {quality === null && failure === null && <p className="quiet">…</p>}
      {quality !== null && <Everything quality={quality} words={words} />}
    </main>
  );
}

/** Asked again every half minute; what can be chosen is what was seen without a choice. */
function useQuality({ days, by, camera, recipe }: Choice) {
  const [found, setFound] = useState<{ readonly query: string; readonly quality: QualityJson } | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [known, setKnown] = useState<{ cameras: readonly string[]; recipes: readonly string[] }>({
    cameras: [],
    recipes: [],
  });
  const knowsNames = useRef(false);
  const whole = `days=${days}&by=${by}`;
  const only = new URLSearchParams(Object.entries({ camera, recipe }).filter(([, value]) => value !== '')).toString();
  const query = only === '' ? whole : `${whole}&${only}`;
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const get = (asked: string) => getJson<QualityJson>(`/api/v1/quality?${asked}`, signal);
      const quality = await get(query);
      setFound({ query, quality });
      setFailure(null);
      if (query !== whole && knowsNames.current) return;
      const { series } = query === whole ? quality : await get(whole);
      const names = (of: 'cameraId' | 'recipe') =>
        [...new Set(series.map((one) => one[of]))].filter((name) => name !== '').sort();
      knowsNames.current = true;
      setKnown({ cameras: names('cameraId'), recipes: names('recipe') });
    },
    [query, whole],
  );
  const fail = useCallback((error: unknown) => setFailure(textOf(error)), []);
  useRepeated(ask, fail, PERIOD_MS);
  // What was found for another choice is not shown under this one.
  return { quality: found?.query === query ? found.quality : null, known, failure };
}

function Everything({ quality, words }: { readonly quality: QualityJson; readonly words: QualityWords }) {
  const { total, latency, ledger } = quality;
  const inspected = total.PASS + total.FAIL + total.REVIEW;
  const all = inspected + total.UNINSPECTED;
  const of = (count: number, whole: number) => percent(whole === 0 ? null : count / whole, 2);
  const tiles: readonly (readonly [string, string])[] = [
    [words.inspected, countText(all)],
    [words.yield, of(total.PASS, all)],
    [words.rejectRate, of(total.FAIL, inspected)],
    [words.reviewRate, of(total.REVIEW, inspected)],
    [words.notInspected, of(total.UNINSPECTED, all)],
  ];
  return (
    <>
      <dl className="tiles">
        {tiles.map(([name, value]) => (
          <div key={name} className="card">
            <dd>{value}</dd>
            <dt>{name}</dt>
          </div>
        ))}
      </dl>
      <Charts quality={quality} words={words} />
      <BySeries quality={quality} words={words} />
      <Found quality={quality} words={words} />
      <section className="card">
        <h2>{words.answerTime}</h2>
        <FactList
          facts={[
            [words.median, formatMs(latency.p50Ms)],
            [words.p95, formatMs(latency.p95Ms)],
            [words.p99, formatMs(latency.p99Ms)],
          ]}
        />
        <h2>{words.ledger}</h2>
        <p className={ledger.isBalanced ? 'good' : 'banner bad'}>
          {ledger.isBalanced
            ? `✓ ${words.balanced(countText(ledger.lastLedgerSeq))}`
            : `✕ ${words.unbalanced(countText(ledger.lastLedgerSeq), countText(ledger.counted))}`}
        </p>
      </section>
    </>
  );
}

const percentAxis = (value: number) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

function Charts({ quality, words }: { readonly quality: QualityJson; readonly words: QualityWords }) {
  const verdictWords = useWords();
  const { language } = useSettings();
  const { groups, centre, spread } = quality.chart;
  const { times, rejects, counts } = useMemo(() => {
    const out = groups.map(({ signal, rejectRate }) => (signal === null ? null : rejectRate));
    const control: Line[] = [
      { label: words.rejectRate, colour: 'accent', kind: 'line', values: groups.map((one) => one.rejectRate) },
      { label: `${words.limits} ↑`, colour: 'FAIL', kind: 'steps', values: groups.map((one) => one.upper) },
      { label: `${words.limits} ↓`, colour: 'FAIL', kind: 'steps', values: groups.map((one) => one.lower) },
      { label: words.centre, colour: 'quiet', kind: 'plain', values: groups.map(() => centre) },
      { label: words.signals, colour: 'FAIL', kind: 'points', values: out },
    ];
    // Bars lie over one another, so each is as high as itself and all that follow.
    const stacked: Line[] = VERDICTS.map((verdict, i) => ({
      label: verdictWords[verdict],
      colour: verdict,
      kind: 'bars',
      values: groups.map((one) => VERDICTS.slice(i).reduce((sum, each) => sum + one.counts[each], 0)),
      said: groups.map((one) => one.counts[verdict]),
    }));
    return { times: groups.map(({ from }) => Date.parse(from) / 1000), rejects: control, counts: stacked };
    // The words change with the language alone.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [groups, centre, language]);
  const clock = { timeZone: quality.timeZone, timeLabel: words.span, span: spanOf(quality, times) };
  const signals = groups.filter(({ signal }) => signal !== null);
  if (groups.length === 0) return <p className="quiet">{words.nothingThen}</p>;
  return (
    <>
      <section className="card wide">
        <TimeChart title={words.rejectChart} times={times} lines={rejects} format={percentAxis} {...clock} />
        {spread > 1 && <p className="quiet">{words.widened(spread.toFixed(1))}</p>}
        {signals.length === 0 ? (
          <p className="good">✓ {words.noSignals}</p>
        ) : (
          <ul className="events">
            {signals.slice(-5).map(({ label, signal, rejectRate }) => (
              <li key={label} className={signal === 'below' ? 'note' : 'error'}>
                <strong>{label}</strong> {percent(rejectRate, 2)}, {signal === null ? '' : words[signal]}
              </li>
            ))}
          </ul>
        )}
      </section>
      <section className="card wide">
        <TimeChart title={words.yieldChart} times={times} lines={counts} format={countText} {...clock} />
      </section>
    </>
  );
}

/** The time that was asked for, and the whole of the groups at both its ends. */
function spanOf({ since, until }: QualityJson, times: readonly number[]): readonly [number, number] {
  const [first, last] = [times[0] ?? Number.POSITIVE_INFINITY, times.at(-1) ?? 0];
  const width = Math.min(...times.slice(1).map((time, i) => time - (times[i] ?? time)), 86_400);
  const least = times.length > 1 ? width : 3600;
  return [Math.min(Date.parse(since) / 1000, first), Math.max(Date.parse(until) / 1000, last + least)];
}

function BySeries({ quality, words }: { readonly quality: QualityJson; readonly words: QualityWords }) {
  const verdictWords = useWords();
  return (
    <section className="card wide">
      <h2>{words.bySeries}</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label={words.bySeries}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.camera}</th>
              <th scope="col">{words.recipe}</th>
              {VERDICTS.map((verdict) => (
                <th scope="col" key={verdict} className="number">
                  {verdictWords[verdict]}
                </th>
              ))}
              <th scope="col" className="number">
                {words.yield}
              </th>
            </tr>
          </thead>
          <tbody>
            {quality.series.map(({ cameraId, recipe, counts }) => {
              const all = VERDICTS.reduce((sum, verdict) => sum + counts[verdict], 0);
              return (
                <tr key={`${cameraId} ${recipe}`}>
                  <td>{cameraId}</td>
                  <td>{recipe}</td>
                  {VERDICTS.map((verdict) => (
                    <td key={verdict} className="number">
                      {countText(counts[verdict])}
                    </td>
                  ))}
                  <td className="number">{percent(all === 0 ? null : counts.PASS / all, 2)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Found({ quality, words }: { readonly quality: QualityJson; readonly words: QualityWords }) {
  const { defectClasses } = useWords();
  const { judged, judgedPass, escapes, falseRejects, defects, agreement } = quality.reviewed;
  const most = defects[0]?.count ?? 1;
  const all = defects.reduce((sum, { count }) => sum + count, 0);
  return (
    <section className="card">
      <h2>{words.reviewed}</h2>
      <p>{words.judgedParts(judged, judgedPass)}</p>
      {judged > 0 && judgedPass === 0 && <p className="banner warn">{words.noPassJudged}</p>}
      <FactList
        facts={[
          [`${words.escapes} (${words.interval})`, shareText(escapes, words)],
          [`${words.falseRejects} (${words.interval})`, shareText(falseRejects, words)],
        ]}
      />
      <h2>{words.secondLook}</h2>
      {agreement.length === 0 && <p className="quiet">{words.noSecondLook}</p>}
      <ul>
        {agreement.map(({ reviewer, agreed, pairs, kappa }) => (
          <li key={reviewer}>
            {words.agreementOf(shownText(reviewer), agreed, pairs)}
            {kappa !== null && ` · ${words.kappa} ${kappa.toFixed(2)}`}
          </li>
        ))}
      </ul>
      <h2>{words.defects}</h2>
      {defects.length === 0 && <p className="quiet">{words.noDefects}</p>}
      <ol className="pareto">
        {defects.map(({ defectClass, count }, i) => {
          const sofar = defects.slice(0, i + 1).reduce((sum, one) => sum + one.count, 0);
          return (
            <li key={defectClass ?? ''}>
              <span>
                {defectClass === null ? words.unnamed : (defectClasses[defectClass] ?? shownText(defectClass))}
              </span>
              <span className="scale">
                <b style={{ left: 0, width: `${(100 * count) / most}%` }} className="bar" />
              </span>
              <span className="number">
                {count} · Σ {percent(sofar / all, 0)}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
