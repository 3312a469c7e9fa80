/** The queue of parts that did not pass: one key or one tap each, the next picture ready, undo. */

import { useCallback, useEffect, useRef, useState } from 'react';
import { shownText } from '../../frame/shown-text.ts';
import { getJson, preloadPicture, type ResultJson, type ResultsPage, sendReview, textOf } from './api.ts';
import { Failure } from './failure.tsx';
import { ProbabilityGauge, Unfamiliar } from './gauges.tsx';
import { HeatMapSwitch, useHeatMap } from './heat-map.tsx';
import { PickOne } from './pick-one.tsx';
import { Picture } from './picture.tsx';
import { FactList } from './fact-list.tsx';
import { onJudged, useConnection } from './live.ts';
import type { Judged } from '../live-feed.ts';
import { useRemembered } from './remembered.ts';
import { useRepeated } from './repeat.ts';
import { changeSettings, useSettings } from './settings.ts';
import { VerdictBadge } from './verdict.tsx';
import { WhyNot } from './who-am-i.tsx';
import { useIsKnown, useMay } from './who.ts';
import { useWords } from './words.ts';
import { timeText } from './texts.ts';

type Label = 'ok' | 'ng' | 'unsure';

const KEYS: Readonly<Record<string, Label | 'undo'>> = { o: 'ok', n: 'ng', u: 'unsure', z: 'undo', Backspace: 'undo' };
type QueuePage = ResultsPage & { readonly defectClasses: readonly string[] };

/** What was said of a part before it is judged: kept, though another one comes up or the page rests meanwhile. */
interface Begun {
  readonly defectClass: string | null;
  readonly comment: string;
}

const NOTHING: Begun = { defectClass: null, comment: '' };

const REFILL_BELOW = 5;
/** How often a queue that runs empty is looked at again: parts come all day. */
const LOOK_MS = 5000;
/** Where a walk through all that nobody has judged begins. */
const TOP = Number.MAX_SAFE_INTEGER;
const AHEAD = 2;
/** A part cannot be judged before it was seen: the second tap of two, meant for the part before, does nothing. */
const SEEN_MS = 400;
/** The same where a part came up unasked, under a finger that was on its way. */
const UNASKED_MS = 1000;

const isPicture = (result: ResultJson) =>
  result.image.path !== null && /^image\/(jpeg|png|webp)$/.test(result.image.mediaType);

/** In the ledger; 0 of one that passed, which comes as a sample from anywhere. */
const placeOf = ({ verdict, ledgerSeq }: ResultJson) => (verdict === 'PASS' ? 0 : ledgerSeq);

export function ReviewPage() {
  const words = useWords();
  const { reviewer } = useSettings();
  const isKnown = useIsKnown();
  const mayJudge = useMay('review');
  const [begun, setBegun] = useRemembered<Readonly<Record<string, Begun>>>('begun', {});
  const [failure, setFailure] = useState<string | null>(null);
  const { queue, next, defectClasses, unread, take, putBack, restart } = useQueue();
  const [judged, setJudged] = useRemembered<readonly ResultJson[]>('judged', []);
  const [meanwhile, setMeanwhile] = useState<string | null>(null);
  const isBusy = useRef(false);
  /** The part that one judges, or judged last: the line tells of it too, often in the same moment, and nobody else has judged it. */
  const sending = useRef<string | null>(null);
  const current = queue[0];
  const shown = current?.resultId;
  const stage = useRef<HTMLDivElement>(null);
  const nameField = useRef<HTMLInputElement>(null);
  const mayFrom = useRef(0);
  /** Whether the next part comes up without anybody having done anything. */
  const isUnasked = useRef(false);
  useEffect(() => {
    mayFrom.current = Math.max(mayFrom.current, performance.now() + (isUnasked.current ? UNASKED_MS : SEEN_MS));
    if (shown !== undefined) isUnasked.current = false;
    // On a narrow screen one has scrolled down to judge the part before.
    stage.current?.scrollIntoView({ block: 'nearest' });
  }, [shown]);
  const { defectClass, comment } = (shown === undefined ? undefined : begun[shown]) ?? NOTHING;
  const say = (said: Partial<Begun>) => {
    if (shown !== undefined) setBegun((before) => ({ ...before, [shown]: { defectClass, comment, ...said } }));
  };
  const heatMap = useHeatMap(current !== undefined && isPicture(current) ? current.resultId : null);
  const hasName = isKnown || reviewer.trim() !== '';

  const act = async (what: Label | 'undo') => {
    const target = what === 'undo' ? judged.at(-1) : current;
    if (isBusy.current || target === undefined || !mayJudge) return;
    if (!hasName) {
      // On a panel it lies below what one sees.
      nameField.current?.focus();
      return setFailure(words.nameNeeded);
    }
    if (what !== 'undo' && performance.now() < mayFrom.current) return;
    isBusy.current = true;
    sending.current = target.resultId;
    try {
      if (what === 'undo') {
        await sendReview(target.resultId, { label: 'withdrawn', defectClass: null, comment: null });
        sending.current = null;
        setJudged((before) => before.slice(0, -1));
        putBack(target);
      } else {
        const kind = what === 'ng' ? defectClass : null;
        await sendReview(target.resultId, { label: what, defectClass: kind, comment: comment.trim() || null });
        setJudged((before) => [...before, target].slice(-100));
        setBegun(({ [target.resultId]: _said, ...others }) => others);
        take(target);
      }
      setFailure(null);
      setMeanwhile(null);
    } catch (error) {
      setFailure(`${words.notSaved}: ${textOf(error)}`);
      sending.current = null;
    } finally {
      isBusy.current = false;
    }
  };
  const connection = useConnection();
  const wasLost = useRef(false);
  useEffect(() => {
    // Nobody told what was judged in between.
    if (connection === 'open' && wasLost.current) {
      isUnasked.current = true;
      restart();
    }
    wasLost.current = connection !== 'open' && (wasLost.current || connection !== 'connecting');
  }, [connection, restart]);
  useEffect(
    () => () => {
      wasLost.current = true;
    },
    [],
  );
  const leave = ({ resultId, label, reviewer: who }: Judged) => {
    const gone = queue.find((one) => one.resultId === resultId);
    if (gone === undefined || label === 'withdrawn' || resultId === sending.current) return;
    take(gone);
    if (gone !== current) return;
    mayFrom.current = performance.now() + UNASKED_MS;
    setMeanwhile(words.judgedMeanwhile(shownText(who), shownText(gone.partId ?? gone.frameId), words[label]));
  };
  const latest = useRef({ act, leave });
  latest.current = { act, leave };
  useEffect(() => onJudged((said) => latest.current.leave(said)), []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      // Letters choose in a list too.
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      // A key that is held down judges one part, not all that follow.
      if (isTyping || what === undefined || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      void latest.current.act(what);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  return (
    <main className="review">
      <h1 className="hidden">{words.review}</h1>
      <Failure text={failure ?? unread} isAnswer={failure !== null} />
      {meanwhile !== null && (
        <p className="banner" role="status">
          {meanwhile}
        </p>
      )}
      {current === undefined ? (
        <p className="empty">{next === null ? words.queueEmpty : '…'}</p>
      ) : (
        <div ref={stage} className="stage">
          {/* Nothing is better than the part before, for whoever is about to judge this one. */}
          <Picture
            key={current.resultId}
            resultId={current.resultId}
            isKept={isPicture(current)}
            alt={current.frameId}
            canZoom
            heatMap={heatMap}
          />
        </div>
      )}
      <aside>
        {current !== undefined && (
          <>
            <p className="head">
              <VerdictBadge verdict={current.verdict} />
              <span className="quiet">{words.inQueue(`${queue.length}${next === null ? '' : '+'}`)}</span>
            </p>
            {isPicture(current) && <HeatMapSwitch state={heatMap} />}
            <ProbabilityGauge
              probability={current.defectProbability}
              passBelow={current.passBelow}
              failAbove={current.failAbove}
            />
            <Unfamiliar of={current} />
            <FactList
              facts={[
                [words.camera, current.cameraId],
                [words.part, current.partId],
                [words.frame, current.frameId],
                [words.time, current.receivedAt === null ? null : timeText(current.receivedAt)],
              ]}
            />
          </>
        )}
        <WhyNot right="review" />
        {mayJudge && (
          <>
            {/* Enter on a button, held down, would press it again and again. */}
            <div className="judge" onKeyDown={(event) => event.repeat && event.preventDefault()}>
              <button type="button" className="ok" disabled={current === undefined} onClick={() => void act('ok')}>
                ✓ {words.isOk} <kbd>O</kbd>
              </button>
              <button type="button" className="ng" disabled={current === undefined} onClick={() => void act('ng')}>
                ✕ {words.isNg} <kbd>N</kbd>
              </button>
              <button type="button" disabled={current === undefined} onClick={() => void act('unsure')}>
                ? {words.unsure} <kbd>U</kbd>
              </button>
              <button type="button" disabled={judged.length === 0} onClick={() => void act('undo')}>
                ↶ {words.undo} <kbd>Z</kbd>
              </button>
            </div>
            <PickOne
              legend={words.defectClass}
              options={defectClasses.map((name) => [name, words.defectClasses[name] ?? shownText(name)] as const)}
              value={defectClass}
              disabled={current === undefined}
              onChange={(picked) => say({ defectClass: picked })}
            />
            <label>
              {words.comment}
              <input
                value={comment}
                maxLength={500}
                disabled={current === undefined}
                onChange={(event) => say({ comment: event.target.value })}
              />
            </label>
          </>
        )}
        {!isKnown && mayJudge && (
          <label>
            {words.yourName}
            <input
              ref={nameField}
              name="reviewer"
              value={reviewer}
              maxLength={64}
              onChange={(event) => changeSettings({ reviewer: event.target.value })}
            />
          </label>
        )}
      </aside>
    </main>
  );
}

/** The queue, newest first, refilled before it runs empty: down to the oldest part that nobody has judged, then with what came since. */
function useQueue() {
  const [queue, setQueue] = useState<readonly ResultJson[]>([]);
  /** Where the walk goes on; null where it has come to its end, and the next one begins at the top. */
  const [next, setNext] = useState<number | null>(TOP);
  const [defectClasses, setDefectClasses] = useState<readonly string[]>([]);
  const [unread, setUnread] = useState<string | null>(null);
  /** The newest part of this walk, and of the last one that came to its end: a walk need not go below that again. */
  const newest = useRef(0);
  const walked = useRef(0);
  const { length } = queue;
  const refill = useCallback(
    async (signal: AbortSignal) => {
      if (length >= REFILL_BELOW) {
        if (next !== null) return;
        const { results } = await getJson<QueuePage>('/api/v1/reviews/queue?limit=1', signal);
        setUnread(null);
        // They come up when these are done; until then it is said that there are more.
        if (results.some((result) => placeOf(result) > newest.current)) setNext(TOP);
        return;
      }
      const cursor = next === null || next === TOP ? '' : `&before=${next}`;
      const page = await getJson<QueuePage>(`/api/v1/reviews/queue?limit=50${cursor}`, signal);
      setUnread(null);
      setDefectClasses(page.defectClasses);
      // Samples come along with new parts only: else those that wait would draw more of them at each look.
      if (page.results.some((result) => placeOf(result) > walked.current)) {
        const isNew = (old: readonly ResultJson[], id: string) => old.every(({ resultId }) => resultId !== id);
        setQueue((old) => [...old, ...page.results.filter(({ resultId }) => isNew(old, resultId))]);
      }
      newest.current = Math.max(newest.current, ...page.results.map(placeOf));
      const isWalked = page.next === null || page.next <= walked.current;
      if (isWalked) walked.current = newest.current;
      setNext(isWalked ? null : page.next);
    },
    [length, next],
  );
  const restart = useCallback(() => {
    walked.current = 0;
    setQueue([]);
    setNext(TOP);
  }, []);
  const fail = useCallback((error: unknown) => setUnread(textOf(error)), []);
  useRepeated(refill, fail, LOOK_MS);
  useEffect(() => {
    for (const ahead of queue.slice(1, 1 + AHEAD)) {
      if (isPicture(ahead)) preloadPicture(ahead.resultId);
    }
  }, [queue]);
  return {
    queue,
    next,
    defectClasses,
    unread,
    restart,
    take: (done: ResultJson) => setQueue((old) => old.filter(({ resultId }) => resultId !== done.resultId)),
    putBack: (result: ResultJson) => setQueue((old) => [result, ...old]),
  };
}
