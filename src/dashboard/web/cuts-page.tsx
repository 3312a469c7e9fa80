/** The cuts workbench: last week's real scores, two sliders, what they would have done; applied with a reason, taken back. */

import { useCallback, useEffect, useState } from 'react';
import { choose } from './address.ts';
import type { TwoCuts } from '../../statistics/cut-outcome.ts';
import type { ScoresJson } from '../quality-routes.ts';
import type { CutChangeJson, RecipeJson } from '../recipe-routes.ts';
import { getJson, postJson, textOf } from './api.ts';
import { Ask } from './ask.tsx';
import { CutComparison, cutsText } from './cut-comparison.tsx';
import { Failure } from './failure.tsx';
import { type QualityWords, useQualityWords } from './quality-words.ts';
import { PickOrAny } from './pick-or-any.tsx';
import { useRepeated } from './repeat.ts';
import { ScoreChart } from './score-chart.tsx';
import { changeSettings, useSettings } from './settings.ts';
import { WhyNot } from './who-am-i.tsx';
import { useIsKnown, useMay } from './who.ts';
import { timeText } from './texts.ts';

const DAYS = [1, 7, 30];
const PERIOD_MS = 5000;
/** Judged parts below which the page says how little they show. */
const FEW = 100;

/** @param props.chosen as in the address */
export function CutsPage({ chosen }: { readonly chosen: string }) {
  const words = useQualityWords();
  const [recipes, setRecipes] = useState<readonly RecipeJson[]>([]);
  const asked = new URLSearchParams(chosen);
  const [failure, setFailure] = useState<string | null>(null);
  /** Why what is shown is old. */
  const [unread, setUnread] = useState<string | null>(null);
  const notRead = useCallback((error: unknown) => setUnread(textOf(error)), []);
  const load = useCallback(async (signal?: AbortSignal) => {
    setRecipes((await getJson<{ recipes: RecipeJson[] }>('/api/v1/recipes', signal)).recipes);
    setUnread(null);
  }, []);
  // Others change cuts and models too.
  useRepeated(load, notRead, PERIOD_MS);
  const recipe = recipes.find((one) => one.recipe === asked.get('recipe')) ?? recipes[0];
  return (
    <main className="cuts">
      <h1 className="hidden">{words.scores}</h1>
      <Failure text={failure} />
      <Failure text={unread} />
      {recipe !== undefined && (
        <Workbench
          key={`${recipe.recipe} ${recipe.revision}`}
          recipe={recipe}
          recipes={recipes.map((one) => one.recipe)}
          asked={asked}
          onChanged={(changed) => {
            setFailure(changed);
            load().catch(notRead);
          }}
        />
      )}
    </main>
  );
}

function Workbench(props: {
  readonly recipe: RecipeJson;
  readonly recipes: readonly string[];
  readonly asked: URLSearchParams;
  /** @param failure null when it was done */
  readonly onChanged: (failure: string | null) => void;
}) {
  const { recipe, recipes, asked, onChanged } = props;
  const words = useQualityWords();
  const { costs } = useSettings();
  const [tried, setTried] = useState<TwoCuts>(recipe.cuts);
  const camera = asked.get('camera') ?? '';
  const days = DAYS.find((one) => String(one) === asked.get('days')) ?? 7;
  const { scores, failure } = useScores(recipe.recipe, camera, days);
  const name = recipe.recipe;
  const change = (part: { readonly recipe?: string; readonly camera?: string; readonly days?: string }) =>
    choose({ recipe: name, camera, days: String(days), ...part }, false);
  return (
    <>
      <div className="search">
        <label>
          {words.recipe}
          <select value={name} onChange={(event) => change({ recipe: event.target.value, camera: '' })}>
            {recipes.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <PickOrAny
          label={words.camera}
          any={words.anyCamera}
          options={scores?.cameras ?? []}
          value={camera}
          onChange={(one) => change({ camera: one })}
        />
        <label>
          {words.span}
          <select value={days} onChange={(event) => change({ days: event.target.value })}>
            {DAYS.map((one) => (
              <option key={one} value={one}>
                {one === 1 ? words.lastDay : words.lastDays(one)}
              </option>
            ))}
          </select>
        </label>
        <p className="quiet">
          {words.model} {recipe.model.name}/{recipe.model.version} · {cutsText(recipe.cuts)},{' '}
          {words.source[recipe.source]}
        </p>
      </div>
      <Failure text={failure} />
      <section className="card">
        {scores?.bins.length === 0 && <p className="quiet">{words.noScores}</p>}
        {scores !== null && <ScoreChart scores={scores} cuts={tried} words={words} />}
        <Sliders cuts={tried} onChange={setTried} words={words} />
      </section>
      {scores !== null && (
        <section className="card">
          <CutComparison scores={scores} now={recipe.cuts} tried={tried} costs={costs} words={words} />
          {scores.judged.length < FEW && <p className="quiet">{words.fewJudged}</p>}
          <div className="search">
            {(['escape', 'falseReject', 'review'] as const).map((what) => (
              <label key={what}>
                {{ escape: words.costEscape, falseReject: words.costFalseReject, review: words.costReview }[what]}
                <input
                  type="number"
                  min={0}
                  value={costs[what]}
                  onChange={(event) =>
                    changeSettings({ costs: { ...costs, [what]: Math.max(0, event.target.valueAsNumber || 0) } })
                  }
                />
              </label>
            ))}
          </div>
          <p className="quiet">{words.estimatedOver}</p>
        </section>
      )}
      <Change recipe={recipe} tried={tried} onReset={() => setTried(recipe.cuts)} onChanged={onChanged} words={words} />
      <History recipe={name} words={words} />
    </>
  );
}

function useScores(recipe: string, camera: string, days: number) {
  const [found, setFound] = useState<{ readonly where: string; readonly scores: ScoresJson } | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const query = new URLSearchParams({ days: String(days), ...(camera === '' ? {} : { camera }) });
  const where = `/api/v1/recipes/${encodeURIComponent(recipe)}/scores?${query.toString()}`;
  useEffect(() => {
    const ended = new AbortController();
    getJson<ScoresJson>(where, ended.signal).then(
      (scores) => {
        setFound({ where, scores });
        setFailure(null);
      },
      (error: unknown) => !ended.signal.aborted && setFailure(textOf(error)),
    );
    return () => ended.abort();
  }, [where]);
  // What was found for another choice is not shown under this one.
  return { scores: found?.where === where ? found.scores : null, failure };
}

/** Neither slider passes the other: it takes it along. */
function Sliders(props: {
  readonly cuts: TwoCuts;
  readonly onChange: (cuts: TwoCuts) => void;
  readonly words: QualityWords;
}) {
  const { cuts, onChange, words } = props;
  const pass = (value: number) => onChange({ passBelow: value, failAbove: Math.max(value, cuts.failAbove) });
  const fail = (value: number) => onChange({ passBelow: Math.min(value, cuts.passBelow), failAbove: value });
  const rows = [
    [words.passBelow, cuts.passBelow, pass, 'PASS'],
    [words.failAbove, cuts.failAbove, fail, 'FAIL'],
  ] as const;
  return (
    <div className="sliders">
      {rows.map(([label, value, change, kind]) => (
        <div key={kind} className={kind}>
          <span>{label}</span>
          <input
            type="range"
            min={0}
            max={1}
            step={0.001}
            value={value}
            aria-label={label}
            onChange={(event) => change(event.target.valueAsNumber)}
          />
          <CutField
            value={value}
            label={`${label}, 0–1`}
            isInOrder={(typed) => (kind === 'PASS' ? typed <= cuts.failAbove : typed >= cuts.passBelow)}
            onChange={change}
          />
        </div>
      ))}
    </div>
  );
}

/** A cut as a number. On the way to it stand others (`0` before `0.9`), which must not take the other cut along. */
function CutField(props: {
  readonly value: number;
  readonly label: string;
  readonly isInOrder: (typed: number) => boolean;
  readonly onChange: (cut: number) => void;
}) {
  const { value, label, isInOrder, onChange } = props;
  /** Null: what stands in the field is the cut. */
  const [typed, setTyped] = useState<string | null>(null);
  const take = (text: string, isDone: boolean) => {
    const cut = text.trim() === '' ? Number.NaN : Number(text);
    if (cut >= 0 && cut <= 1 && (isDone || isInOrder(cut))) onChange(cut);
    setTyped(isDone ? null : text);
  };
  return (
    <input
      type="number"
      min={0}
      max={1}
      step={0.001}
      value={typed ?? value}
      aria-label={label}
      onChange={(event) => take(event.target.value, false)}
      onBlur={() => typed !== null && take(typed, true)}
      onKeyDown={(event) => event.key === 'Enter' && typed !== null && take(typed, true)}
    />
  );
}

function Change(props: {
  readonly recipe: RecipeJson;
  readonly tried: TwoCuts;
  readonly onReset: () => void;
  readonly onChanged: (failure: string | null) => void;
  readonly words: QualityWords;
}) {
  const { recipe, tried, onReset, onChanged, words } = props;
  const { reviewer } = useSettings();
  const isKnown = useIsKnown();
  const mayTune = useMay('tune');
  const [reason, setReason] = useState('');
  const [wish, setWish] = useState<'set' | 'revert' | null>(null);
  const [missing, setMissing] = useState<string | null>(null);
  const isSame = tried.passBelow === recipe.cuts.passBelow && tried.failAbove === recipe.cuts.failAbove;
  const ask = (kind: 'set' | 'revert') => {
    const name = !isKnown && reviewer.trim() === '' ? words.nameNeeded : null;
    const why = kind === 'set' && reason.trim() === '' ? words.reasonNeeded : null;
    setMissing(name ?? why);
    if (name === null && why === null) setWish(kind);
  };
  const grant = (kind: 'set' | 'revert') => {
    setWish(null);
    const where = `/api/v1/recipes/${encodeURIComponent(recipe.recipe)}/cuts`;
    const signed = { revision: recipe.revision, ...(reviewer.trim() === '' ? {} : { by: reviewer.trim() }) };
    const asked =
      kind === 'set'
        ? postJson(where, { ...tried, ...signed, reason: reason.trim() })
        : postJson(`${where}/revert`, { ...signed, reason: reason.trim() || words.revertReason });
    asked.then(
      () => onChanged(null),
      (error: unknown) => onChanged(textOf(error)),
    );
  };
  if (!mayTune) {
    return (
      <section className="card">
        <WhyNot right="tune" />
      </section>
    );
  }
  return (
    <section className="card">
      {wish !== null && (
        <Ask
          text={
            wish === 'set'
              ? words.askApply(recipe.recipe, cutsText(recipe.cuts), cutsText(tried))
              : words.askRevert(recipe.recipe)
          }
          yes={words.yes}
          no={words.no}
          onYes={() => grant(wish)}
          onNo={() => setWish(null)}
        />
      )}
      <Failure text={missing} />
      <div className="search">
        <label>
          {words.reason}
          <input value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
        </label>
        {!isKnown && (
          <label>
            {words.yourName}
            <input
              value={reviewer}
              maxLength={64}
              onChange={(event) => changeSettings({ reviewer: event.target.value })}
            />
          </label>
        )}
        <button type="button" className="primary" disabled={isSame} onClick={() => ask('set')}>
          {words.apply}
        </button>
        <button type="button" disabled={isSame} onClick={onReset}>
          {words.reset}
        </button>
        <button type="button" disabled={recipe.change === null} onClick={() => ask('revert')}>
          ↶ {words.revert}
        </button>
      </div>
    </section>
  );
}

function History({ recipe, words }: { readonly recipe: string; readonly words: QualityWords }) {
  const [changes, setChanges] = useState<readonly CutChangeJson[]>([]);
  useEffect(() => {
    getJson<{ changes: CutChangeJson[] }>(`/api/v1/recipes/${encodeURIComponent(recipe)}/cuts/history`).then(
      (answer) => setChanges(answer.changes.toReversed()),
      () => setChanges([]),
    );
  }, [recipe]);
  return (
    <section className="card">
      <h2>{words.history}</h2>
      {changes.length === 0 && <p className="quiet">{words.noHistory}</p>}
      <ul className="events">
        {changes.map((one) => (
          <li key={one.seq} className="note">
            <time dateTime={one.at}>{timeText(one.at)}</time>
            <strong>
              {cutsText(one.from)} → {one.to === null ? words.asModel : cutsText(one.to)}
            </strong>
            <span>
              {words.kinds[one.kind]} – {one.by}: {one.reason} ({one.model.name}/{one.model.version})
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
