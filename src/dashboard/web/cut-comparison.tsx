/** Two sets of cuts side by side: what each would have done with the parts of the time that is looked at. */

import {
  type Costs,
  countParts,
  escapesAmong,
  estimate,
  falseRejectsAmong,
  type Share,
  type TwoCuts,
} from '../../statistics/cut-outcome.ts';
import type { ScoresJson } from '../quality-routes.ts';
import type { QualityWords } from './quality-words.ts';
import { useWords } from './words.ts';
import { countText } from './texts.ts';

export const percent = (share: number | null, digits = 1) =>
  share === null ? '–' : `${(100 * share).toFixed(digits)} %`;

export function shareText(share: Share, words: QualityWords): string {
  if (share.share === null) return words.nothingJudged;
  const { low, high } = share.interval;
  return `${share.count} / ${share.of} = ${percent(share.share)} (${percent(low)} – ${percent(high)})`;
}

export function CutComparison(props: {
  readonly scores: ScoresJson;
  readonly now: TwoCuts;
  readonly tried: TwoCuts;
  readonly costs: Costs;
  readonly words: QualityWords;
}) {
  const { scores, now, tried, costs, words } = props;
  const verdictWords = useWords();
  const columns = [now, tried].map((cuts) => {
    const counts = countParts(scores.bins, cuts);
    const all = counts.PASS + counts.REVIEW + counts.FAIL;
    const cost = estimate(scores.bins, scores.judged, scores.given, cuts, costs);
    const part = (count: number) => `${countText(count)} (${percent(all === 0 ? null : count / all, 2)})`;
    return {
      pass: part(counts.PASS),
      review: part(counts.REVIEW),
      fail: part(counts.FAIL),
      escapes: shareText(escapesAmong(scores.judged, cuts), words),
      falseRejects: shareText(falseRejectsAmong(scores.judged, cuts), words),
      cost:
        'unknown' in cost
          ? words.notKnown(cost.unknown.map((verdict) => verdictWords[verdict]).join(', '))
          : cost.cost.toFixed(1),
    };
  });
  const rows: readonly (readonly [string, 'pass' | 'review' | 'fail' | 'escapes' | 'falseRejects' | 'cost'])[] = [
    [words.wouldPass, 'pass'],
    [words.wouldReview, 'review'],
    [words.wouldFail, 'fail'],
    [`${words.escapes}, ${words.interval}`, 'escapes'],
    [`${words.falseRejects}, ${words.interval}`, 'falseRejects'],
    [words.costPer1000, 'cost'],
  ];
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={`${words.now}, ${words.tried}`}>
      <table className="compare">
        <thead>
          <tr>
            <td />
            <th scope="col">
              {words.now}: {cutsText(now)}
            </th>
            <th scope="col">
              {words.tried}: {cutsText(tried)}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, key]) => (
            <tr key={key}>
              <th scope="row">{name}</th>
              {columns.map((column, i) => (
                <td key={i} className={i === 1 && column[key] !== columns[0]?.[key] ? 'changed' : ''}>
                  {column[key]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export const cutsText = ({ passBelow, failAbove }: TwoCuts) => `${passBelow.toFixed(3)} / ${failAbove.toFixed(3)}`;
