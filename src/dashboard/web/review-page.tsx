/** The queue of parts that did not pass: one key or one tap each, the next picture ready, undo. */

import { useCallback, useEffect, useRef, useState } from 'react';
import { getJson, preloadPicture, type ResultJson, type ResultsPage, sendReview } from './api.ts';
import { ProbabilityGauge } from './gauges.tsx';
import { HeatMapSwitch, useHeatMap } from './heat-map.tsx';
import { PickOne } from './pick-one.tsx';
import { Picture } from './picture.tsx';
import { FactList } from './fact-list.tsx';
import { changeSettings, useSettings } from './settings.ts';
import { VerdictBadge } from './verdict.tsx';
import { WhyNot } from './who-am-i.tsx';
import { useIsKnown, useMay } from './who.ts';
import { useWords } from './words.ts';

type Label = 'ok' | 'ng' | 'unsure';

const KEYS: Readonly<Record<string, Label | 'undo'>> = { o: 'ok', n: 'ng', u: 'unsure', z: 'undo', Backspace: 'undo' };
type QueuePage = ResultsPage & { readonly defectClasses: readonly string[] };

const REFILL_BELOW = 5;
const AHEAD = 2;

const isPicture = (result: ResultJson) =>
  result.image.path !== null && /^image\/(jpeg|png|webp)$/.test(result.image.mediaType);

export function ReviewPage() {
  const words = useWords();
  const { reviewer } = useSettings();
  const isKnown = useIsKnown();
  const mayJudge = useMay('review');
  const [defectClass, setDefectClass] = useState<string | null>(null);
  const [comment, setComment] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const { queue, next, defectClasses, take, putBack } = useQueue(setFailure);
  const [judged, setJudged] = useState<readonly ResultJson[]>([]);
  const isBusy = useRef(false);
  const current = queue[0];
  const heatMap = useHeatMap(current !== undefined && isPicture(current) ? current.resultId : null);
  const hasName = isKnown || reviewer.trim() !== '';

  const act = async (what: Label | 'undo') => {
    const target = what === 'undo' ? judged.at(-1) : current;
    if (isBusy.current || target === undefined || !mayJudge) return;
    if (!hasName) return setFailure(words.nameNeeded);
    isBusy.current = true;
    try {
      if (what === 'undo') {
        await sendReview(target.resultId, { label: 'withdrawn', defectClass: null, comment: null });
        setJudged((before) => before.slice(0, -1));
        putBack(target);
      } else {
        const kind = what === 'ng' ? defectClass : null;
        await sendReview(target.resultId, { label: what, defectClass: kind, comment: comment.trim() || null });
        setJudged((before) => [...before, target].slice(-100));
        take(target);
      }
      setDefectClass(null);
      setComment('');
      setFailure(null);
    } catch (error) {
      setFailure(`${words.notSaved}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      isBusy.current = false;
    }
  };
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (isTyping || what === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      void latest.current(what);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  return (
    <main className="review">
      <h1 className="hidden">{words.review}</h1>
      {failure !== null && (
        <p className="banner bad" role="alert">
          {failure}
        </p>
      )}
      {current === undefined ? (
        <p className="empty">{next === null ? words.queueEmpty : '…'}</p>
      ) : (
        <div className="stage">
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
            <FactList
              facts={[
                [words.camera, current.cameraId],
                [words.part, current.partId],
                [words.frame, current.frameId],
                [words.time, current.receivedAt === null ? null : new Date(current.receivedAt).toLocaleString()],
              ]}
            />
          </>
        )}
        <WhyNot right="review" />
        {mayJudge && (
          <>
            <div className="judge">
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
              options={defectClasses.map((name) => [name, words.defectClasses[name] ?? name] as const)}
              value={defectClass}
              onChange={setDefectClass}
            />
            <label>
              {words.comment}
              <input value={comment} maxLength={500} onChange={(event) => setComment(event.target.value)} />
            </label>
          </>
        )}
        {!isKnown && mayJudge && (
          <label>
            {words.yourName}
            <input
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

/** The queue, refilled before it runs empty; what was judged here does not come again. */
function useQueue(onFailure: (message: string) => void) {
  const [queue, setQueue] = useState<readonly ResultJson[]>([]);
  const [next, setNext] = useState<number | null>(Number.MAX_SAFE_INTEGER);
  const [defectClasses, setDefectClasses] = useState<readonly string[]>([]);
  const isLoading = useRef(false);
  const load = useCallback(
    async (before: number) => {
      if (isLoading.current) return;
      isLoading.current = true;
      try {
        const cursor = before === Number.MAX_SAFE_INTEGER ? '' : `&before=${before}`;
        const page = await getJson<QueuePage>(`/api/v1/reviews/queue?limit=50${cursor}`);
        setDefectClasses(page.defectClasses);
        setQueue((old) => [
          ...old,
          ...page.results.filter(({ resultId }) => !old.some((o) => o.resultId === resultId)),
        ]);
        setNext(page.next);
      } catch (error) {
        onFailure(error instanceof Error ? error.message : String(error));
      } finally {
        isLoading.current = false;
      }
    },
    [onFailure],
  );
  useEffect(() => {
    if (queue.length < REFILL_BELOW && next !== null) void load(next);
    for (const ahead of queue.slice(1, 1 + AHEAD)) {
      if (isPicture(ahead)) preloadPicture(ahead.resultId);
    }
  }, [queue, next, load]);
  return {
    queue,
    next,
    defectClasses,
    take: (done: ResultJson) => setQueue((old) => old.filter(({ resultId }) => resultId !== done.resultId)),
    putBack: (result: ResultJson) => setQueue((old) => [result, ...old]),
  };
}
