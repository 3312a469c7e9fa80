/** Candidates beside the models that decide: how often they agree, and side by side where they do not. */

import { useCallback, useEffect, useState } from 'react';
import { shownText } from '../../frame/shown-text.ts';
import type { DisagreementJson, ShadowJson } from '../shadow-routes.ts';
import { getJson, pictureAt, request, textOf, typedName } from './api.ts';
import { useRepeated } from './repeat.ts';
import { VerdictShape } from './verdict.tsx';
import { useMay } from './who.ts';
import { useWords } from './words.ts';
import { timeText } from './texts.ts';

const PERIOD_MS = 3000;
const SHOWN = 12;

/** The models, which the page asks for beside them, say it too. */
const ignore = () => undefined;

/** @param props.onFailure null: what was asked for was done */
export function Shadows({ onFailure }: { readonly onFailure: (message: string | null) => void }) {
  const words = useWords();
  const [shadows, setShadows] = useState<readonly ShadowJson[]>([]);
  const load = useCallback(
    (signal?: AbortSignal) =>
      getJson<{ shadows: ShadowJson[] }>('/api/v1/shadows', signal).then((found) => setShadows(found.shadows)),
    [],
  );
  useRepeated(load, ignore, PERIOD_MS);
  const mayTune = useMay('tune');
  const [isBusy, setIsBusy] = useState(false);
  const stop = (recipe: string) => {
    setIsBusy(true);
    request(`/api/v1/shadows/${encodeURIComponent(recipe)}?${new URLSearchParams({ ...typedName() })}`, {
      method: 'DELETE',
    })
      .then(() => load())
      .then(
        () => onFailure(null),
        (error: unknown) => onFailure(textOf(error)),
      )
      .finally(() => setIsBusy(false));
  };
  return shadows.map((shadow) => (
    <section key={shadow.recipe} className="card wide" aria-label={words.shadowOf(shadow.recipe)}>
      <h2>
        {shadow.model.name}/{shadow.model.version}: {words.shadowOf(shadow.recipe)}
      </h2>
      {shadow.down !== null && <p className="banner bad">{words.shadowDown(shadow.down)}</p>}
      <p>
        {words.shadowCounts(shadow.counts.agreed, shadow.counts.disagreed, shadow.counts.failed, shadow.counts.skipped)}{' '}
        <span className="quiet">
          {timeText(shadow.since)}, {shownText(shadow.by)}
        </span>
      </p>
      {mayTune && (
        <div className="actions">
          <button type="button" disabled={isBusy} onClick={() => stop(shadow.recipe)}>
            {words.shadowStop}
          </button>
        </div>
      )}
      <Disagreements recipe={shadow.recipe} count={shadow.counts.disagreed + shadow.counts.failed} />
    </section>
  ));
}

/** @param props.count tells when there are new ones */
function Disagreements({ recipe, count }: { readonly recipe: string; readonly count: number }) {
  const words = useWords();
  const [found, setFound] = useState<readonly DisagreementJson[]>([]);
  const path = `/api/v1/shadows/${encodeURIComponent(recipe)}/disagreements`;
  useEffect(() => {
    void getJson<{ disagreements: DisagreementJson[] }>(`${path}?limit=${SHOWN}`)
      .then(({ disagreements }) => setFound(disagreements))
      .catch(() => undefined);
  }, [path, count]);
  if (found.length === 0) return <p className="quiet">{words.shadowNone}</p>;
  return (
    <ul className="differing">
      {found.map((one) => (
        <li key={one.resultId}>
          <ShadowPicture
            where={`${path}/${one.resultId}/image`}
            alt={shownText(`${one.cameraId} ${one.partId ?? one.frameId}`)}
          />
          <strong>{shownText(one.partId ?? one.frameId)}</strong>
          <Said model={one.activeModel} said={one.active} />
          <Said model={one.candidateModel} said={one.candidate} />
          <time className="quiet" dateTime={one.receivedAt}>
            {one.cameraId}, {timeText(one.receivedAt)}
          </time>
        </li>
      ))}
    </ul>
  );
}

function Said({ model, said }: { readonly model: string; readonly said: DisagreementJson['active'] }) {
  const words = useWords();
  return (
    <span className="said">
      <VerdictShape verdict={said.verdict} /> {words[said.verdict]} {said.probability?.toFixed(3) ?? ''}{' '}
      <span className="quiet">{model}</span>
    </span>
  );
}

function ShadowPicture({ where, alt }: { readonly where: string; readonly alt: string }) {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    let isWanted = true;
    pictureAt(where).then(
      (found) => isWanted && setUrl(found),
      () => undefined,
    );
    return () => {
      isWanted = false;
    };
  }, [where]);
  return url === null ? <div className="picture none" /> : <img src={url} alt={alt} />;
}
