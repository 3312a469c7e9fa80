/** The frame around the pages: navigation, what everyone must see, language and theme. */

import { lazy, Suspense, useEffect, useSyncExternalStore } from 'react';
import { LinePage } from './line-page.tsx';
import { useLine } from './live.ts';
import { ModelsPage } from './models-page.tsx';
import { MyPage, PeoplePage } from './people-page.tsx';
import { usePeopleWords } from './people-words.ts';
import { ResultPage } from './result-page.tsx';
import { ResultsPage } from './results-page.tsx';
import { ReviewPage } from './review-page.tsx';
import { changeSettings, type Settings, useSettings } from './settings.ts';
import { SetUp, SignIn } from './sign-in.tsx';
import { SystemPage } from './system-page.tsx';
import { WhoAmI } from './who-am-i.tsx';
import { refreshWho, useWho } from './who.ts';
import { useWords } from './words.ts';

const PAGES = ['line', 'results', 'review', 'quality', 'cuts', 'models', 'system'] as const;

/** With their charts: fetched when they are opened. */
const QualityPage = lazy(async () => ({ default: (await import('./quality-page.tsx')).QualityPage }));
const CutsPage = lazy(async () => ({ default: (await import('./cuts-page.tsx')).CutsPage }));

export function App() {
  const path = useSyncExternalStore(onHash, () => location.hash.slice(2));
  const [page = '', id] = path.split('/');
  const words = useWords();
  const { connection } = useLine();
  const people = usePeopleWords();
  const who = useWho();
  // A stream that ended or came back may mean that somebody was signed out.
  useEffect(() => void refreshWho(), [connection]);
  return (
    <>
      <header className="top">
        <a className="brand" href="#/line">
          Loupe
        </a>
        <nav>
          {PAGES.map((name) => (
            <a key={name} href={`#/${name}`} aria-current={(page || 'line') === name ? 'page' : undefined}>
              {words[name === 'cuts' ? 'cutsPage' : name]}
            </a>
          ))}
          {who?.accounts === 'some' && who.rights.includes('admin') && (
            <a href="#/people" aria-current={page === 'people' ? 'page' : undefined}>
              {people.people}
            </a>
          )}
        </nav>
        <WhoAmI />
        <Choices />
      </header>
      <Banners />
      {who !== null && !who.rights.includes('read') ? (
        <Door isNew={who.accounts === 'none' && page !== 'signin'} />
      ) : (
        <Suspense fallback={null}>
          <Page page={page} id={id} />
        </Suspense>
      )}
    </>
  );
}

function Page({ page, id }: { readonly page: string; readonly id: string | undefined }) {
  if (page === 'results')
    return id === undefined ? <ResultsPage /> : <ResultPage key={id} id={decodeURIComponent(id)} />;
  if (page === 'review') return <ReviewPage />;
  if (page === 'quality') return <QualityPage />;
  if (page === 'cuts') return <CutsPage />;
  if (page === 'models') return <ModelsPage />;
  if (page === 'system') return <SystemPage />;
  if (page === 'people') return <PeoplePage />;
  if (page === 'me') return <MyPage />;
  if (page === 'signin') return <SignIn />;
  if (page === 'setup') return <SetUp />;
  return <LinePage />;
}

/** For whoever may see nothing: the very first one makes an account. */
function Door({ isNew }: { readonly isNew: boolean }) {
  return isNew ? <SetUp /> : <SignIn />;
}

/** What is wrong with the service itself, on every page. */
function Banners() {
  const words = useWords();
  const { service, connection } = useLine();
  return (
    <div aria-live="polite">
      {connection === 'connecting' && <p className="banner">{words.connecting}</p>}
      {connection === 'lost' && <p className="banner bad">{words.lost}</p>}
      {service?.isReady === false && (
        <p className="banner bad">
          <strong>{words.notReady}.</strong> {service.notReady.map(({ detail }) => detail).join('; ')}
        </p>
      )}
      {(service?.degraded.length ?? 0) > 0 && (
        <p className="banner bad">
          <strong>{words.degraded}.</strong> {service?.degraded.map(({ detail }) => detail).join('; ')}
        </p>
      )}
    </div>
  );
}

function Choices() {
  const words = useWords();
  const { language, theme } = useSettings();
  return (
    <div className="choices">
      <select
        aria-label={words.theme}
        value={theme}
        onChange={(event) => changeSettings({ theme: event.target.value as Settings['theme'] })}
      >
        <option value="auto">{words.themeAuto}</option>
        <option value="light">{words.themeLight}</option>
        <option value="dark">{words.themeDark}</option>
      </select>
      <select
        aria-label={words.language}
        value={language}
        onChange={(event) => changeSettings({ language: event.target.value as Settings['language'] })}
      >
        <option value="en" lang="en">
          English
        </option>
        <option value="zh" lang="zh-Hans">
          中文
        </option>
      </select>
    </div>
  );
}

function onHash(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}
