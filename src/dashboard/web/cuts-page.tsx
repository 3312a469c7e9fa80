/** The cuts workbench: last week's real scores, two sliders, what they would have done; applied with a reason, taken back. */

import { useCallback, useEffect, useState } from 'react';
import { choose } from './address.ts';
import type { TwoCuts } from '../../statistics/cut-outcome.ts';
import type { ScoresJson } from '../quality-routes.ts';
import type { CutChangeJson, RecipeJson } from '../recipe-routes.ts';
import { getJson, textOf } from './api.ts';
import { CutChange } from './cut-change.tsx';
import { CutComparison, cutsText } from './cut-comparison.tsx';
import { Failure } from './failure.tsx';
import { OutsideText } from './outside-text.tsx';
import { type QualityWords, useQualityWords } from './quality-words.ts';
import { PickOrAny } from './pick-or-any.tsx';
import { useRepeated } from './repeat.ts';
import { ScoreChart } from './score-chart.tsx';
import { changeSettings, useSettings } from './settings.ts';
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
      <Failure text={unread} />
      {recipe !== undefined && (
        <Workbench
          key={recipe.recipe}
          recipe={recipe}
          recipes={recipes.map((one) => one.recipe)}
          asked={asked}
          onChanged={() => void load().catch(notRead)}
        />
      )}
    </main>
  );
}

function Workbench(props: {
  readonly recipe: RecipeJson;
  readonly recipes: readonly string[];
  readonly asked: URLSearchParams;
  /** Somebody changed the cuts, here or elsewhere. */
  readonly onChanged: () => void;
}) {
  const { recipe, recipes, asked, onChanged } = props;
  const words = useQualityWords();
  const { costs } = useSettings();
  /** Null: those that judge now. */
  const [moved, setMoved] = useState<TwoCuts | null>(null);
  const tried = moved ?? recipe.cuts;
  const camera = asked.get('camera') ?? '';
  const days = DAYS.find((one) => String(one) === asked.get('days')) ?? 7;
  const { scores, failure } = useScores(recipe.recipe, camera, days);
  const changes = useHistory(recipe);
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
        <Sliders cuts={tried} onChange={setMoved} words={words} />
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
      <CutChange
        recipe={recipe}
        tried={moved}
        changes={changes}
        onReset={() => setMoved(null)}
        onChanged={onChanged}
        words={words}
      />
      <History changes={changes} words={words} />
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

/** Newest first. */
function useHistory({ recipe, revision }: RecipeJson): readonly CutChangeJson[] {
  const [changes, setChanges] = useState<readonly CutChangeJson[]>([]);
  useEffect(() => {
    const ended = new AbortController();
    const where = `/api/v1/recipes/${encodeURIComponent(recipe)}/cuts/history`;
    getJson<{ changes: CutChangeJson[] }>(where, ended.signal).then(
      (answer) => setChanges(answer.changes.toReversed()),
      () => !ended.signal.aborted && setChanges([]),
    );
    return () => ended.abort();
  }, [recipe, revision]);
  return changes;
}

function History({ changes, words }: { readonly changes: readonly CutChangeJson[]; readonly words: QualityWords }) {
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
              {words.kinds[one.kind]} – <OutsideText text={one.by} />: <OutsideText text={one.reason} /> (
              {one.model.name}/{one.model.version})
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
