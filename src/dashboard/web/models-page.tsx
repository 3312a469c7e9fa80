/** Model packages: which decide, how they do on their golden images here, and the switch from one to another. */

import { useCallback, useEffect, useState } from 'react';
import type { GoldenReport, ModelDescription, ModelListing } from '../../frame/models.ts';
import { shownText } from '../../frame/shown-text.ts';
import { getJson, postJson, textOf, typedName } from './api.ts';
import { ReportLink } from './report-link.tsx';
import { Ask } from './ask.tsx';
import { Failure } from './failure.tsx';
import { ModelFigures } from './model-figures.tsx';
import { Shadows } from './shadows.tsx';
import { useRepeated } from './repeat.ts';
import { WhyNot } from './who-am-i.tsx';
import { useMay } from './who.ts';
import { useWords } from './words.ts';
import { timeText } from './texts.ts';

interface ActivationJson {
  readonly seq: number;
  readonly at: string;
  readonly by: string;
  readonly kind: 'first_start' | 'activate' | 'rollback';
  readonly recipe: string;
  readonly from: { readonly name: string; readonly version: string } | null;
  readonly to: { readonly name: string; readonly version: string };
}

type Golden = Omit<GoldenReport, 'checkedAt'> & { readonly checkedAt: string };

const PERIOD_MS = 5000;

/** What was asked for and waits for a second tap. */
type Wish =
  | { readonly kind: 'activate'; readonly name: string; readonly version: string; readonly recipe: string }
  | { readonly kind: 'rollback'; readonly recipe: string; readonly seen: number; readonly from: string };

export function ModelsPage() {
  const words = useWords();
  const mayTune = useMay('tune');
  const [models, setModels] = useState<readonly ModelListing[] | null>(null);
  const [activations, setActivations] = useState<readonly ActivationJson[]>([]);
  const [wish, setWish] = useState<Wish | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  /** Why what is shown is old. */
  const [unread, setUnread] = useState<string | null>(null);
  const load = useCallback(async (signal?: AbortSignal) => {
    const [listed, done] = await Promise.all([
      getJson<{ models: ModelListing[] }>('/api/v1/models', signal),
      getJson<{ activations: ActivationJson[] }>('/api/v1/models/activations', signal),
    ]);
    setModels(listed.models);
    setActivations(done.activations.toReversed());
    setUnread(null);
  }, []);
  const notRead = useCallback((error: unknown) => setUnread(textOf(error)), []);
  // Others put models to work too.
  useRepeated(load, notRead, PERIOD_MS);
  const guarded = useCallback(async (work: () => Promise<void>) => {
    setIsBusy(true);
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(textOf(error));
    } finally {
      setIsBusy(false);
    }
  }, []);

  const grant = (granted: Wish) =>
    void guarded(async () => {
      setWish(null);
      const { kind, recipe } = granted;
      const asked =
        kind === 'activate' ? { name: granted.name, version: granted.version, recipe } : { recipe, seen: granted.seen };
      try {
        await postJson(`/api/v1/models/${kind}`, { ...asked, ...typedName() });
      } finally {
        await load();
      }
    });
  const kinds = { first_start: words.first_start, activate: words.activate, rollback: words.rollbackDone };
  const switched = [...new Set(activations.filter(({ from }) => from !== null).map(({ recipe }) => recipe))];
  const back = (recipe: string) => {
    const last = activations.find((one) => one.recipe === recipe);
    if (last === undefined) return;
    setWish({ kind: 'rollback', recipe, seen: last.seq, from: `${last.to.name}/${last.to.version}` });
  };
  return (
    <main className="models">
      <h1 className="hidden">{words.models}</h1>
      <Failure text={failure} isAnswer />
      <Failure text={unread} />
      {(isBusy || (models === null && unread === null)) && <p className="banner">{words.working}</p>}
      {wish !== null && (
        <Ask
          text={wishText(words, wish)}
          yes={words.yes}
          no={words.no}
          onYes={() => grant(wish)}
          onNo={() => setWish(null)}
        />
      )}
      {models?.map((model) => (
        <Model
          key={`${model.name}/${model.version}`}
          model={model}
          isBusy={isBusy}
          targets={targetsOf(model, models)}
          onActivate={(recipe) => setWish({ kind: 'activate', name: model.name, version: model.version, recipe })}
          onShadow={(recipe) =>
            void guarded(() =>
              postJson('/api/v1/shadows', { name: model.name, version: model.version, recipe, ...typedName() }),
            )
          }
        />
      ))}
      <Shadows onFailure={setFailure} />
      <section className="card wide">
        <h2>{words.activations}</h2>
        <WhyNot right="tune" />
        {(mayTune ? switched : []).map((recipe) => (
          <p key={recipe}>
            <button type="button" disabled={isBusy} onClick={() => back(recipe)}>
              ↶ {words.rollback(recipe)}
            </button>
          </p>
        ))}
        <ul className="events">
          {activations.map((one) => (
            <li key={one.seq} className="note">
              <time dateTime={one.at}>{timeText(one.at)}</time>
              <strong>
                {one.recipe}: {one.from === null ? '' : `${one.from.name}/${one.from.version} → `}
                {one.to.name}/{one.to.version}
              </strong>
              <span>
                {kinds[one.kind]} – {shownText(one.by)}
              </span>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}

/** The recipes that a model can be put to work or watch for: those of its other versions, else all. */
function targetsOf({ name }: ModelListing, models: readonly ModelListing[]): readonly string[] {
  const recipesOf = (listed: readonly ModelListing[]) => listed.flatMap(({ recipes }) => recipes).sort();
  const own = recipesOf(models.filter((one) => one.name === name));
  return own.length > 0 ? own : recipesOf(models);
}

function Model(props: {
  readonly model: ModelListing;
  readonly isBusy: boolean;
  readonly targets: readonly string[];
  readonly onActivate: (recipe: string) => void;
  readonly onShadow: (recipe: string) => void;
}) {
  const { model, isBusy, targets, onActivate, onShadow } = props;
  const words = useWords();
  const mayTune = useMay('tune');
  const [golden, setGolden] = useState<Golden | string | null>(null);
  const [manifest, setManifest] = useState<unknown>(null);
  const path = `/api/v1/models/${encodeURIComponent(model.name)}/${encodeURIComponent(model.version)}`;
  const isAtWork = model.recipes.length > 0;
  useEffect(() => {
    if (model.fault !== null) return;
    // Without its figures the card still says all that is needed to act.
    getJson<ModelDescription>(path).then(
      (found) => setManifest(found.manifest),
      () => setManifest(null),
    );
  }, [path, model.fault]);
  const [isChecking, setIsChecking] = useState(false);
  const check = () => {
    setIsChecking(true);
    getJson<Golden>(`${path}/golden`)
      .then(setGolden, (error: unknown) => setGolden(textOf(error)))
      .finally(() => setIsChecking(false));
  };
  const mayAct = !isAtWork && mayTune;
  const isOff = isBusy || model.fault !== null;
  const forRecipe = (what: string, recipe: string) => (targets.length === 1 ? what : `${what}: ${recipe}`);
  return (
    <section className={isAtWork ? 'card atwork' : 'card'} aria-label={`${model.name}/${model.version}`}>
      <h2>
        {model.name}/{model.version}
      </h2>
      {isAtWork && <p className="good">● {words.decidesFor(model.recipes.join(', '))}</p>}
      {model.fault !== null && <p className="banner bad">{words.packageFault(model.fault)}</p>}
      <ModelFigures manifest={manifest} />
      <p className="quiet hash">
        {model.createdAt === null ? '' : timeText(model.createdAt)}
        {model.sha256 === null ? '' : ` · SHA-256 ${model.sha256}`}
      </p>
      <div className="actions">
        {(mayAct ? targets : []).map((recipe) => (
          <button
            key={`activate ${recipe}`}
            type="button"
            className="primary"
            disabled={isOff}
            onClick={() => onActivate(recipe)}
          >
            {forRecipe(words.activate, recipe)}
          </button>
        ))}
        {(mayAct ? targets : []).map((recipe) => (
          <button key={`shadow ${recipe}`} type="button" disabled={isOff} onClick={() => onShadow(recipe)}>
            {forRecipe(words.shadowStart, recipe)}
          </button>
        ))}
        <button type="button" disabled={isChecking} onClick={check}>
          {isChecking ? words.working : words.golden}
        </button>
        {model.hasReport && (
          <ReportLink
            where={`${path}/report`}
            name={`report-${model.name}-${model.version}.html`}
            onFailure={(error) => setGolden(textOf(error))}
          >
            {words.report}
          </ReportLink>
        )}
      </div>
      {typeof golden === 'string' && <p className="banner bad">{golden}</p>}
      {golden !== null && typeof golden !== 'string' && <GoldenScores golden={golden} />}
    </section>
  );
}

function GoldenScores({ golden }: { readonly golden: Golden }) {
  const words = useWords();
  return (
    <div>
      <p className={golden.isOk ? 'good' : 'banner bad'}>
        {golden.isOk ? '✓' : '✕'} {golden.provider.toUpperCase()}, {words.largestError}:{' '}
        {golden.maxError === null ? '–' : golden.maxError.toPrecision(2)} / {golden.tolerance} {golden.detail ?? ''}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.golden}</th>
            <th scope="col" className="number">
              {words.goldenExpected}
            </th>
            <th scope="col" className="number">
              {words.goldenScored}
            </th>
          </tr>
        </thead>
        <tbody>
          {golden.scores.map((score) => (
            <tr key={score.file}>
              <td>{score.file}</td>
              <td className="number">{score.expected.toFixed(4)}</td>
              <td className="number">{score.scored.toFixed(4)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function wishText(words: ReturnType<typeof useWords>, wish: Wish): string {
  return wish.kind === 'activate'
    ? words.askActivate(`${wish.name}/${wish.version}`, wish.recipe)
    : words.askRollback(wish.recipe, wish.from);
}
