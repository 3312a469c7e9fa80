/** A probability against the two cuts, and an answer time against the takt. */

import { isUnfamiliar, type Score } from '../../frame/score.ts';
import { useWords } from './words.ts';

const percent = (share: number) => `${Math.min(100, Math.max(0, share * 100))}%`;

export function formatProbability(probability: number | null): string {
  return probability === null ? '–' : probability.toFixed(3);
}

export function formatMs(ms: number | null): string {
  return ms === null ? '–' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function ProbabilityGauge(props: {
  readonly probability: number | null;
  readonly passBelow: number | null;
  readonly failAbove: number | null;
}) {
  const words = useWords();
  const { probability, passBelow, failAbove } = props;
  return (
    <div className="gauge">
      <span className="label">{words.probability}</span>
      <div className="scale">
        {passBelow !== null && failAbove !== null && (
          <>
            <b className="zone PASS" style={{ left: 0, width: percent(passBelow) }} />
            <b className="zone REVIEW" style={{ left: percent(passBelow), width: percent(failAbove - passBelow) }} />
            <b className="zone FAIL" style={{ left: percent(failAbove), right: 0 }} />
          </>
        )}
        {probability !== null && (
          <b className="needle" style={{ left: `calc(${percent(probability)} - ${probability * 6}px)` }} />
        )}
      </div>
      <output>{formatProbability(probability)}</output>
    </div>
  );
}

/** Nothing where the model knows the picture, or does not say. */
export function Unfamiliar({ of }: { readonly of: Pick<Score, 'unfamiliarity'> }) {
  const words = useWords();
  return isUnfamiliar(of) && <p className="unfamiliar">{words.unfamiliar}</p>;
}

export function LatencyGauge({ ms, taktMs }: { readonly ms: number | null; readonly taktMs: number | null }) {
  const words = useWords();
  const full = taktMs ?? Math.max(100, (ms ?? 0) * 1.5);
  const isLate = taktMs !== null && ms !== null && ms > taktMs;
  return (
    <div className="gauge">
      <span className="label">{words.latency}</span>
      <div className="scale">
        {ms !== null && <b className={isLate ? 'bar late' : 'bar'} style={{ left: 0, width: percent(ms / full) }} />}
      </div>
      <output>
        {formatMs(ms)}
        {taktMs !== null && <small> / {taktMs}</small>}
      </output>
    </div>
  );
}
