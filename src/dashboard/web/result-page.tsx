/** One result, and what proves it. */

import { useEffect, useState } from 'react';
import { shownText } from '../../frame/shown-text.ts';
import { goBack } from './address.ts';
import { getJson, type ProofJson, type ResultJson, type ReviewJson, textOf } from './api.ts';
import { Failure } from './failure.tsx';
import { FactList } from './fact-list.tsx';
import { formatProbability, ProbabilityGauge, Unfamiliar } from './gauges.tsx';
import { HeatMapSwitch, useHeatMap } from './heat-map.tsx';
import { OutsideText } from './outside-text.tsx';
import { Picture } from './picture.tsx';
import { useKeptPlace } from './remembered.ts';
import { ReplayButton } from './replay-button.tsx';
import { StageBar } from './stage-bar.tsx';
import { VerdictBadge } from './verdict.tsx';
import { useWords, type Words } from './words.ts';
import { countText, timeText } from './texts.ts';

interface Everything {
  readonly result: ResultJson;
  readonly proof: ProofJson;
  readonly reviews: readonly ReviewJson[];
}

export function ResultPage({ id }: { readonly id: string }) {
  const [all, setAll] = useState<Everything | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useKeptPlace(id, all !== null);
  useEffect(() => {
    const ended = new AbortController();
    const where = `/api/v1/results/${encodeURIComponent(id)}`;
    Promise.all([
      getJson<ResultJson>(where, ended.signal),
      getJson<ProofJson>(`${where}/proof`, ended.signal),
      getJson<{ reviews: ReviewJson[] }>(`${where}/reviews`, ended.signal),
    ]).then(
      ([result, proof, { reviews }]) => setAll({ result, proof, reviews }),
      (error: unknown) => !ended.signal.aborted && setFailure(textOf(error)),
    );
    return () => ended.abort();
  }, [id]);
  if (all !== null) return <Shown {...all} />;
  return (
    <main className="result">
      <div className="head">
        <Back />
      </div>
      <Failure text={failure} />
    </main>
  );
}

function Back() {
  const words = useWords();
  return (
    <button type="button" onClick={() => goBack('results')}>
      ← {words.back}
    </button>
  );
}

function Shown({ result, proof, reviews }: Everything) {
  const isKept = proof.image.isKept && /^image\/(jpeg|png|webp)$/.test(result.image.mediaType);
  const heatMap = useHeatMap(isKept ? result.resultId : null);
  return (
    <main className="result">
      <div className="head">
        <Back />
        <h1>
          <VerdictBadge verdict={result.verdict} /> <OutsideText text={result.partId ?? result.frameId} />
        </h1>
      </div>
      <div className="columns">
        <Picture resultId={result.resultId} isKept={isKept} alt={result.frameId} canZoom heatMap={heatMap} />
        <div>
          {isKept && <HeatMapSwitch state={heatMap} />}
          <ProbabilityGauge
            probability={result.defectProbability}
            passBelow={result.passBelow}
            failAbove={result.failAbove}
          />
          <Unfamiliar of={result} />
          <StageBar timing={result.timing} />
          <Facts result={result} />
        </div>
      </div>
      <Proof result={result} proof={proof} />
      <Reviews reviews={reviews} />
    </main>
  );
}

function Facts({ result }: { readonly result: ResultJson }) {
  const words = useWords();
  const { model } = result;
  const facts: readonly (readonly [string, string | null])[] = [
    [words.time, result.receivedAt === null ? null : timeText(result.receivedAt)],
    [words.camera, result.cameraId],
    [words.part, result.partId],
    [words.job, result.jobId],
    [words.frame, result.frameId],
    [words.disposition, words[result.disposition]],
    [words.reason, reasonText(words, result)],
    [words.recipe, result.recipeId],
    [words.cuts, `${formatProbability(result.passBelow)} / ${formatProbability(result.failAbove)}`],
    [words.model, model === null ? null : `${model.name}/${model.version} (${model.provider ?? ''})`],
    [words.tags, tagsText(result.tags)],
  ];
  return <FactList facts={facts} />;
}

function Proof({ result, proof }: { readonly result: ResultJson; readonly proof: ProofJson }) {
  const words = useWords();
  const { chain, image } = proof;
  const imageText = image.holds === null ? words.imageGone : image.holds ? words.imageHolds : words.imageBroken;
  return (
    <section className="card">
      <h2>{words.proof}</h2>
      <p className={chain.holds ? 'good' : 'banner bad'}>
        {chain.holds ? '✓' : '✕'} {chain.holds ? words.chainHolds : words.chainBroken}
      </p>
      <p className={image.holds === false ? 'banner bad' : image.holds === true ? 'good' : 'quiet'}>
        {image.holds === null ? '–' : image.holds ? '✓' : '✕'} {imageText}
      </p>
      <ReplayButton resultId={result.resultId} />
      <FactList
        facts={[
          [words.chainPlace, `#${countText(result.ledgerSeq)}`],
          [words.chainHash, chain.computedHash],
          [words.previousHash, chain.previousHash],
          [words.imageHash, image.recordedSha256],
          [words.modelHash, result.model?.sha256 ?? null],
        ]}
      />
    </section>
  );
}

function Reviews({ reviews }: { readonly reviews: readonly ReviewJson[] }) {
  const words = useWords();
  return (
    <section className="card">
      <h2>{words.whatPeopleSaid}</h2>
      {reviews.length === 0 && <p className="quiet">{words.nobodyYet}</p>}
      <ul>
        {reviews.map((review) => (
          <li key={review.reviewedAt}>
            <strong>{words[review.label]}</strong> – <OutsideText text={review.reviewer} />,{' '}
            {timeText(review.reviewedAt)}
            {review.defectClass !== null &&
              ` · ${words.defectClasses[review.defectClass] ?? shownText(review.defectClass)}`}
            {review.comment !== null && ` · ${shownText(review.comment)}`}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** In the words of the page first; code and detail, in English, behind them for whoever mends it. */
function reasonText(words: Words, { reason, reasonDetail }: ResultJson): string | null {
  if (reason === null) return null;
  return `${words.reasons[reason] ?? reason} (${[reason, reasonDetail].filter(Boolean).join(': ')})`;
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}
