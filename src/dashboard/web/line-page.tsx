/** One tile per camera, live. A part that did not pass stays on its tile until somebody acknowledges it. */

import { memo, useEffect, useRef, useState } from 'react';
import { shownText } from '../../frame/shown-text.ts';
import { isUnfamiliar } from '../../frame/score.ts';
import type { CameraView, Condition, Sight } from '../schemas.ts';
import { LatencyGauge, ProbabilityGauge } from './gauges.tsx';
import { useKeptHeatMap } from './heat-map.tsx';
import { useLine } from './live.ts';
import { OutOfSight } from './out-of-sight.tsx';
import { Picture } from './picture.tsx';
import { changeSettings, settings, useSettings } from './settings.ts';
import { momentText } from './texts.ts';
import { Strip, VerdictBadge, VerdictShape } from './verdict.tsx';
import { useWords, type Words } from './words.ts';

export function LinePage() {
  const { cameras, connection } = useLine();
  const { acknowledged, acknowledgedCount } = useSettings();
  const words = useWords();
  const size = cameras.size > 6 ? 'crowd' : cameras.size > 4 ? 'many' : 'few';
  const open = [...cameras].flatMap(([cameraId, { lastRejected }]) =>
    lastRejected !== null && lastRejected.resultId !== acknowledged[cameraId]
      ? [[cameraId, lastRejected.verdict] as const]
      : [],
  );
  return (
    <main className="line" data-count={size}>
      <h1 className="hidden">{words.line}</h1>
      {connection === 'open' && cameras.size === 0 && <p className="card">{words.noCameras}</p>}
      {[...cameras.values()].map((camera) => (
        <Tile
          key={camera.cameraId}
          camera={camera}
          acknowledged={acknowledged[camera.cameraId] ?? ''}
          countThen={acknowledgedCount[camera.cameraId] ?? 0}
          hasRoom={size !== 'crowd'}
          isOld={connection !== 'open'}
        />
      ))}
      <OutOfSight cameras={[...cameras.keys()].join(' ')} open={new Map(open)} />
    </main>
  );
}

const Tile = memo(function Tile(props: {
  readonly camera: CameraView;
  /** The result that was acknowledged last, and how many had not passed then. */
  readonly acknowledged: string;
  readonly countThen: number;
  /** Whether there is room for a picture of every frame. */
  readonly hasRoom: boolean;
  /** Whether nobody knows what the camera does now. */
  readonly isOld: boolean;
}) {
  const { camera, acknowledged, countThen, hasRoom, isOld } = props;
  const words = useWords();
  const { last, lastRejected } = camera;
  const open = lastRejected !== null && lastRejected.resultId !== acknowledged ? lastRejected : null;
  const isStill = isOld || camera.conditions.some(({ kind }) => kind === 'silent' || kind === 'never_seen');
  return (
    <section className={`tile ${open?.verdict ?? ''} ${isStill ? 'still' : ''}`} aria-label={camera.cameraId}>
      <header>
        <h2>{camera.cameraId}</h2>
        {last?.isSimulated === true && <span className="chip">{words.simulated}</span>}
        {camera.conditions.map((condition) => (
          <span key={condition.kind} className="chip warn">
            {conditionText(words, condition)}
          </span>
        ))}
      </header>
      <div className={`now ${last?.verdict ?? 'none'}`}>
        {last === null ? (
          <strong>{words.waiting}</strong>
        ) : (
          <>
            <p>
              <VerdictShape verdict={last.verdict} />
              <strong>{words[last.verdict]}</strong>
            </p>
            {hasRoom && <LastPicture last={last} />}
          </>
        )}
      </div>
      <div className="facts">
        <ProbabilityGauge
          probability={last?.defectProbability ?? null}
          passBelow={last?.passBelow ?? null}
          failAbove={last?.failAbove ?? null}
        />
        <LatencyGauge ms={last?.totalMs ?? null} taktMs={camera.taktMs} />
        <Strip letters={camera.strip} />
        <Numbers camera={camera} />
      </div>
      {open !== null && (
        <OpenPart
          open={open}
          notPassed={camera.notPassed}
          countThen={countThen}
          onAcknowledge={(seen) => acknowledge(camera.cameraId, seen)}
        />
      )}
    </section>
  );
});

/** Long enough to be seen: a tap acknowledges no part that came up under the finger. */
const SEEN_MS = 400;

/** A part that did not pass, and how many of its camera had not passed by then. */
interface Seen {
  readonly resultId: string;
  readonly notPassed: number;
}

/** The part that did not pass and that nobody has acknowledged. */
function OpenPart(props: {
  readonly open: Sight;
  readonly notPassed: number;
  /** How many had not passed when somebody last acknowledged one. */
  readonly countThen: number;
  readonly onAcknowledge: (seen: Seen) => void;
}) {
  const { open, notPassed, countThen, onAcknowledge } = props;
  const words = useWords();
  /** How many others wait behind it; less than one: none that this browser knows of. */
  const more = notPassed - countThen - 1;
  const { resultId } = open;
  const seen = useRef<Seen | null>(null);
  useEffect(() => {
    // Not ended by the next part: where each fails, the one before can be acknowledged still.
    setTimeout(() => {
      seen.current = { resultId, notPassed };
    }, SEEN_MS);
  }, [resultId, notPassed]);
  const heatMap = useKeptHeatMap(open.hasHeatMap ? open.resultId : null);
  return (
    <div className={`open ${open.verdict}`} role="status">
      <a href={`#/results/${open.resultId}`}>
        <Picture resultId={open.resultId} isKept={open.hasPicture} alt={words.lastNotPassed} heatMap={heatMap} />
      </a>
      <a className="part" href={`#/results/${open.resultId}`}>
        <VerdictBadge verdict={open.verdict} />
        <p className="id">{shownText(open.partId ?? open.frameId)}</p>
        <p>
          <time dateTime={open.receivedAt}>{momentText(open.receivedAt)}</time> → {words[open.disposition]}
          {isUnfamiliar(open) && ` · ${words.unfamiliarShort}`}
        </p>
      </a>
      <button type="button" className="primary" onClick={() => seen.current !== null && onAcknowledge(seen.current)}>
        {words.acknowledge}
        {more > 0 && <small>{words.andMore(more > 99 ? '99+' : String(more))}</small>}
      </button>
    </div>
  );
}

/** Passed parts come faster than anybody looks at them, and each picture costs the service a read. */
const PICTURE_PERIOD_MS = 1000;

/** The newest picture that was kept: at once where the part did not pass, else once a second. Its time, where it is not of the last frame. */
function LastPicture({ last }: { readonly last: Sight }) {
  const [shown, setShown] = useState<{ readonly sight: Sight; readonly at: number } | null>(null);
  useEffect(() => {
    if (!last.hasPicture) return undefined;
    const waitMs = last.verdict === 'PASS' && shown !== null ? PICTURE_PERIOD_MS - (performance.now() - shown.at) : 0;
    const show = () => setShown({ sight: last, at: performance.now() });
    if (last.resultId === shown?.sight.resultId) return undefined;
    const timer = setTimeout(show, Math.max(0, waitMs));
    return () => clearTimeout(timer);
  }, [last, shown]);
  const heatMap = useKeptHeatMap(shown?.sight.hasHeatMap === true ? shown.sight.resultId : null);
  if (shown === null) return null;
  const { sight } = shown;
  return (
    <figure>
      <Picture resultId={sight.resultId} isKept alt="" heatMap={heatMap} />
      {sight.resultId !== last.resultId && (
        <figcaption>
          <VerdictShape verdict={sight.verdict} /> {momentText(sight.receivedAt)}
        </figcaption>
      )}
    </figure>
  );
}

function Numbers({ camera }: { readonly camera: CameraView }) {
  const words = useWords();
  const { PASS, FAIL, REVIEW, UNINSPECTED } = camera.counts;
  const notPassed = FAIL + REVIEW + UNINSPECTED;
  const all = PASS + notPassed;
  return (
    <dl className="numbers">
      <div>
        <dd>{camera.perMinute}</dd>
        <dt>{words.perMinute}</dt>
      </div>
      <div>
        <dd>{all === 0 ? '–' : `${((100 * PASS) / all).toFixed(1)} %`}</dd>
        <dt>{words.yield}</dt>
      </div>
      <div>
        <dd>{notPassed}</dd>
        <dt>{words.rejected}</dt>
      </div>
    </dl>
  );
}

function acknowledge(cameraId: string, { resultId, notPassed }: Seen): void {
  const { acknowledged, acknowledgedCount } = settings();
  changeSettings({
    acknowledged: { ...acknowledged, [cameraId]: resultId },
    acknowledgedCount: { ...acknowledgedCount, [cameraId]: notPassed },
  });
}

function conditionText(words: Words, condition: Condition): string {
  switch (condition.kind) {
    case 'never_seen':
      return words.never_seen;
    case 'silent':
      return words.silent(condition.sinceMs);
    case 'late':
      return words.late(Math.round(condition.share * 100));
    case 'uninspected':
      return words.uninspected(Math.round(condition.share * 100), words.reasons[condition.reason] ?? condition.reason);
    case 'unfamiliar':
      return words.unfamiliarShare(Math.round(condition.share * 100));
    case 'brightness':
    case 'contrast':
    case 'focus':
      return words.drift[condition.kind](Math.round(Math.abs(condition.ratio) * 100), condition.ratio < 0);
    case 'frozen':
      return words.frozen(condition.frames);
    case 'scores':
      return words.scoresShifted;
    case 'rejects':
      return words.rejectsUnusual((condition.share * 100).toFixed(1), (condition.usual * 100).toFixed(1));
  }
}
