/** Scores of all parts as bars, the two cuts as zones, and what people judged as marks above and below. */

import type { ScoresJson } from '../quality-routes.ts';
import type { TwoCuts } from '../../statistics/cut-outcome.ts';
import type { QualityWords } from './quality-words.ts';
import { countText } from './texts.ts';

const BARS = 100;
const TICKS = ['0', '0.25', '0.5', '0.75', '1'];
const STEPS = 1000;
const WIDTH = 1000;
const HEIGHT = 220;
const FLOOR = 190;
/** Marks of one kind; more would hide each other. */
const MAX_MARKS = 400;

const x = (share: number) => share * WIDTH;

export function ScoreChart(props: {
  readonly scores: ScoresJson;
  readonly cuts: TwoCuts;
  readonly words: QualityWords;
}) {
  const { scores, cuts, words } = props;
  const bars = Array<number>(BARS).fill(0);
  for (const [bin, count] of scores.bins) {
    const bar = Math.min(BARS - 1, Math.floor((bin * BARS) / STEPS));
    bars[bar] = (bars[bar] ?? 0) + count;
  }
  const most = Math.max(1, ...bars);
  // Most parts of a good line score near nothing: the root keeps the few others to be seen.
  const height = (count: number) => Math.sqrt(count / most) * (FLOOR - 30);
  const marks = (isDefective: boolean) =>
    scores.judged.filter((one) => one.isDefective === isDefective).slice(0, MAX_MARKS);
  return (
    <figure className="scores">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words.scores}>
        <rect className="zone PASS" x={0} y={0} width={x(cuts.passBelow)} height={FLOOR} />
        <rect
          className="zone REVIEW"
          x={x(cuts.passBelow)}
          y={0}
          width={x(cuts.failAbove - cuts.passBelow)}
          height={FLOOR}
        />
        <rect className="zone FAIL" x={x(cuts.failAbove)} y={0} width={x(1 - cuts.failAbove)} height={FLOOR} />
        {bars.map(
          (count, i) =>
            count > 0 && (
              <rect
                key={i}
                className="bar"
                x={(i * WIDTH) / BARS + 1}
                y={FLOOR - Math.max(2, height(count))}
                width={WIDTH / BARS - 2}
                height={Math.max(2, height(count))}
              >
                <title>{`${i / BARS}–${(i + 1) / BARS}: ${countText(count)}`}</title>
              </rect>
            ),
        )}
        {marks(true).map((one, i) => (
          <rect key={`bad${i}`} className="mark FAIL" x={x(one.probability) - 2} y={2} width={4} height={18} />
        ))}
        {marks(false).map((one, i) => (
          <rect key={`good${i}`} className="mark PASS" x={x(one.probability) - 2} y={FLOOR + 6} width={4} height={18} />
        ))}
        <line className="cut" x1={x(cuts.passBelow)} x2={x(cuts.passBelow)} y1={0} y2={FLOOR} />
        <line className="cut" x1={x(cuts.failAbove)} x2={x(cuts.failAbove)} y1={0} y2={FLOOR} />
      </svg>
      <p className="axis quiet" aria-hidden="true">
        {TICKS.map((tick) => (
          <span key={tick}>{tick}</span>
        ))}
      </p>
      <figcaption className="quiet">
        <span className="key bar" /> {words.parts}
        <span className="key mark FAIL" /> {words.judgedDefective} ↑
        <span className="key mark PASS" /> {words.judgedGood} ↓
      </figcaption>
    </figure>
  );
}
