/** One tile per camera, live. A part that did not pass stays on its tile until somebody acknowledges it. */

import { memo } from 'react';
import type { CameraView, Condition } from '../schemas.ts';
import { LatencyGauge, ProbabilityGauge } from './gauges.tsx';
import { useLine } from './live.ts';
import { Picture } from './picture.tsx';
import { changeSettings, settings, useSettings } from './settings.ts';
import { Strip, VerdictBadge, VerdictShape } from './verdict.tsx';
import { useWords, type Words } from './words.ts';

export function LinePage() {
  const { cameras } = useLine();
  const { acknowledged } = useSettings();
  const words = useWords();
  return (
    <main className="line" data-count={cameras.size > 6 ? 'many' : 'few'}>
      <h1 className="hidden">{words.line}</h1>
      {[...cameras.values()].map((camera) => (
        <Tile key={camera.cameraId} camera={camera} acknowledged={acknowledged[camera.cameraId] ?? ''} />
      ))}
    </main>
  );
}

const Tile = memo(function Tile(props: { readonly camera: CameraView; readonly acknowledged: string }) {
  const { camera, acknowledged } = props;
  const words = useWords();
  const { last, lastRejected } = camera;
  const open = lastRejected !== null && lastRejected.resultId !== acknowledged ? lastRejected : null;
  const isStill = camera.conditions.some(({ kind }) => kind === 'silent' || kind === 'never_seen');
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
            <VerdictShape verdict={last.verdict} />
            <strong>{words[last.verdict]}</strong>
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
        <div className={`open ${open.verdict}`} role="status">
          <a href={`#/results/${open.resultId}`}>
            <Picture resultId={open.resultId} isKept={open.hasPicture} alt={words.lastNotPassed} />
          </a>
          <div>
            <VerdictBadge verdict={open.verdict} />
            <p className="id">{open.partId ?? open.frameId}</p>
            <p>
              <time dateTime={open.receivedAt}>{new Date(open.receivedAt).toLocaleTimeString()}</time> →{' '}
              {words[open.disposition]}
            </p>
          </div>
          <button type="button" className="primary" onClick={() => acknowledge(camera.cameraId, open.resultId)}>
            {words.acknowledge}
          </button>
        </div>
      )}
    </section>
  );
});

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

function acknowledge(cameraId: string, resultId: string): void {
  changeSettings({ acknowledged: { ...settings().acknowledged, [cameraId]: resultId } });
}

export function conditionText(words: Words, condition: Condition): string {
  switch (condition.kind) {
    case 'never_seen':
      return words.never_seen;
    case 'silent':
      return words.silent(Math.round(condition.sinceMs / 1000));
    case 'late':
      return words.late(Math.round(condition.share * 100));
    case 'uninspected':
      return words.uninspected(Math.round(condition.share * 100), condition.reason.replaceAll('_', ' '));
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
