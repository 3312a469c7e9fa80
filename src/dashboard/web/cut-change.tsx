/** Puts tried cuts to work or takes the last change back: with a reason, signed, after one question; others may change them meanwhile. */

import { useEffect, useRef, useState } from 'react';
import type { TwoCuts } from '../../statistics/cut-outcome.ts';
import { shownText } from '../../frame/shown-text.ts';
import type { CutChangeJson, RecipeJson } from '../recipe-routes.ts';
import { postJson, textOf, typedName } from './api.ts';
import { Ask } from './ask.tsx';
import { cutsText } from './cut-comparison.tsx';
import { Failure } from './failure.tsx';
import type { QualityWords } from './quality-words.ts';
import { changeSettings, useSettings } from './settings.ts';
import { WhyNot } from './who-am-i.tsx';
import { useIsKnown, useMay } from './who.ts';
import { useWords } from './words.ts';

/** Long enough to be read: a tap on its way does not say yes to what has just changed. */
const READ_MS = 1000;

export function CutChange(props: {
  readonly recipe: RecipeJson;
  /** Null: nothing was moved. */
  readonly tried: TwoCuts | null;
  readonly changes: readonly CutChangeJson[];
  readonly onReset: () => void;
  readonly onChanged: () => void;
  readonly words: QualityWords;
}) {
  const { recipe, changes, onReset, onChanged, words } = props;
  const tried = props.tried ?? recipe.cuts;
  const { working } = useWords();
  const { reviewer } = useSettings();
  const isKnown = useIsKnown();
  const mayTune = useMay('tune');
  const [reason, setReason] = useState('');
  const [wish, setWish] = useState<'set' | 'revert' | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const isBegun = props.tried !== null || reason !== '' || wish !== null;
  const meanwhile = useMeanwhile(recipe, changes, isBegun, words);
  const isSame = tried.passBelow === recipe.cuts.passBelow && tried.failAbove === recipe.cuts.failAbove;
  const ask = (kind: 'set' | 'revert') => {
    const name = !isKnown && reviewer.trim() === '' ? words.nameNeeded : null;
    const why = kind === 'set' && reason.trim() === '' ? words.reasonNeeded : null;
    setFailure(name ?? why);
    if (name === null && why === null) setWish(kind);
  };
  const grant = (kind: 'set' | 'revert') => {
    if (!meanwhile.mayAnswer()) return;
    setWish(null);
    setIsBusy(true);
    const where = `/api/v1/recipes/${encodeURIComponent(recipe.recipe)}/cuts`;
    const signed = { revision: recipe.revision, ...typedName() };
    const asked =
      kind === 'set'
        ? postJson(where, { ...tried, ...signed, reason: reason.trim() })
        : postJson(`${where}/revert`, { ...signed, reason: reason.trim() || words.revertReason });
    asked
      .then(
        () => {
          setReason('');
          onReset();
        },
        (error: unknown) => setFailure(textOf(error)),
      )
      .finally(() => {
        setIsBusy(false);
        onChanged();
      });
  };
  useEffect(() => {
    // Whoever signed in again may try again.
    if (mayTune) setFailure(null);
  }, [mayTune]);
  if (!mayTune) {
    return (
      <section className="card">
        <Failure text={failure} isAnswer />
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
          meanwhile={meanwhile.text}
          yes={words.yes}
          no={words.no}
          onYes={() => grant(wish)}
          onNo={() => setWish(null)}
        />
      )}
      <Failure text={failure} isAnswer />
      {meanwhile.text !== null && (
        <p className="banner warn" role="status">
          {meanwhile.text}
        </p>
      )}
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
        <button type="button" className="primary" disabled={isSame || isBusy} onClick={() => ask('set')}>
          {isBusy ? working : words.apply}
        </button>
        <button type="button" disabled={props.tried === null} onClick={onReset}>
          {words.reset}
        </button>
        <button type="button" disabled={recipe.change === null || isBusy} onClick={() => ask('revert')}>
          ↶ {words.revert}
        </button>
      </div>
    </section>
  );
}

/**
 * What others changed since one began to try, type or ask here; what one began stays. Nothing of it is said where nothing was begun.
 */
function useMeanwhile(
  recipe: RecipeJson,
  changes: readonly CutChangeJson[],
  isBegun: boolean,
  words: QualityWords,
): { readonly text: string | null; mayAnswer(): boolean } {
  const { revision, cuts } = recipe;
  const model = `${recipe.model.name}/${recipe.model.version}`;
  const seq = changes[0]?.seq ?? 0;
  /** How it stood then. */
  const [then, setThen] = useState({ revision, model, seq });
  useEffect(() => {
    if (!isBegun) setThen({ revision, model, seq });
  }, [isBegun, revision, model, seq]);
  const readFrom = useRef(0);
  const isChanged = isBegun && revision !== then.revision;
  useEffect(() => {
    if (isChanged) readFrom.current = performance.now() + READ_MS;
  }, [isChanged, revision]);
  // One's own change may be seen before its answer comes, and is nothing to be read then.
  const mayAnswer = () => !isChanged || performance.now() >= readFrom.current;
  if (!isChanged) return { text: null, mayAnswer };
  const [last] = changes;
  if (model !== then.model) return { text: words.modelChanged(model, cutsText(cuts)), mayAnswer };
  if (last === undefined || last.seq === then.seq) return { text: null, mayAnswer };
  return {
    text: words.cutsChanged(shownText(last.by), cutsText(last.from), cutsText(cuts), shownText(last.reason)),
    mayAnswer,
  };
}
