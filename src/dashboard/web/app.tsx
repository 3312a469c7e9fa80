/** The frame around the pages: navigation, what everyone must see, language and theme. */

import { Activity, lazy, Suspense, useEffect, useRef } from 'react';
import { useAddress } from './address.ts';
import { PageBoundary } from './failed-page.tsx';
import { LinePage } from './line-page.tsx';
import { type Reason, useConnection, useService } from './live.ts';
import { usePeopleWords } from './people-words.ts';
import { ResultPage } from './result-page.tsx';
import { ResultsPage } from './results-page.tsx';
import { ReviewPage } from './review-page.tsx';
import { changeSettings, type Settings, useSettings } from './settings.ts';
import { SetUp, SignIn } from './sign-in.tsx';
import { WhoAmI } from './who-am-i.tsx';
import { refreshWho, useSitting, useWho } from './who.ts';
import { useWords, type Words } from './words.ts';

const PAGES = ['line', 'results', 'review', 'quality', 'cuts', 'models', 'system'] as const;

const DOORS: readonly string[] = ['signin', 'setup'];

/** What an operator does not look at all day is fetched when it is opened. */
const QualityPage = lazy(async () => ({ default: (await import('./quality-page.tsx')).QualityPage }));
const CutsPage = lazy(async () => ({ default: (await import('./cuts-page.tsx')).CutsPage }));
const ModelsPage = lazy(async () => ({ default: (await import('./models-page.tsx')).ModelsPage }));
const SystemPage = lazy(async () => ({ default: (await import('./system-page.tsx')).SystemPage }));
const PeoplePage = lazy(async () => ({ default: (await import('./people-page.tsx')).PeoplePage }));
const MyPage = lazy(async () => ({ default: (await import('./people-page.tsx')).MyPage }));

export function App() {
  const [path, chosen] = useAddress();
  const [page = '', id] = path.split('/');
  const words = useWords();
  const connection = useConnection();
  const people = usePeopleWords();
  const who = useWho();
  // A stream that ended or came back may mean that somebody was signed out.
  useEffect(() => void refreshWho(), [connection]);
  const sitting = useSitting();
  const isAtDoor =
    DOORS.includes(page) ||
    (who !== null && (!who.rights.includes('read') || (page === 'me' && who.kind !== 'session')));
  /** The address within: the one before, while one signs in. */
  const inside = useRef<{ path: string; page: string; id: string | undefined; chosen: string } | null>(null);
  if (!DOORS.includes(page)) inside.current = { path, page, id, chosen };
  const title = titleOf(page, words, people);
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    // On a phone the row of pages is wider than the screen.
    document.querySelector('nav [aria-current]')?.scrollIntoView({ inline: 'nearest', block: 'nearest' });
  }, [page]);
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
      {isAtDoor && <Door page={page} />}
      {/* Behind the door the page rests: whoever signs in again finds what they had typed. */}
      {inside.current !== null && (
        <Activity key={sitting} mode={isAtDoor ? 'hidden' : 'visible'}>
          <PageBoundary attempt={`${inside.current.path} ${connection}`}>
            <Suspense fallback={<p className="loading">…</p>}>
              <Page {...inside.current} />
            </Suspense>
          </PageBoundary>
        </Activity>
      )}
    </>
  );
}

/** What a bookmark, the history and a screen reader say of the page. */
function titleOf(page: string, words: Words, people: ReturnType<typeof usePeopleWords>): string {
  const { line, results, review, quality, cutsPage: cuts, models, system } = words;
  const { people: persons, me, signIn: signin, setUp: setup } = people;
  const titles = { line, results, review, quality, cuts, models, system, people: persons, me, signin, setup };
  return `${new Map(Object.entries(titles)).get(page) ?? line} – Loupe`;
}

/** @param props.chosen as in the address; not asked for by a page itself, which may be hidden behind the next one that loads */
function Page(props: { readonly page: string; readonly id: string | undefined; readonly chosen: string }) {
  const { page, id, chosen } = props;
  if (page === 'results')
    return id === undefined ? <ResultsPage chosen={chosen} /> : <ResultPage key={id} id={decodeURIComponent(id)} />;
  if (page === 'review') return <ReviewPage />;
  if (page === 'quality') return <QualityPage chosen={chosen} />;
  if (page === 'cuts') return <CutsPage chosen={chosen} />;
  if (page === 'models') return <ModelsPage />;
  if (page === 'system') return <SystemPage />;
  if (page === 'people') return <PeoplePage />;
  if (page === 'me') return <MyPage />;
  return <LinePage />;
}

/** For whoever signs in, or may see nothing before: the very first one makes an account. */
function Door({ page }: { readonly page: string }) {
  const isNew = useWho()?.accounts === 'none';
  return page === 'setup' || (isNew && page !== 'signin') ? <SetUp /> : <SignIn />;
}

/** What is wrong with the service itself, on every page. */
function Banners() {
  const words = useWords();
  const service = useService();
  const connection = useConnection();
  return (
    <div className="banners" aria-live="polite">
      {connection === 'connecting' && <p className="banner">{words.connecting}</p>}
      {connection === 'full' && <p className="banner bad">{words.full}</p>}
      {connection === 'lost' && <p className="banner bad">{words.lost}</p>}
      {service?.isReady === false && <Trouble tone="bad" title={words.notReady} reasons={service.notReady} />}
      {(service?.degraded.length ?? 0) > 0 && (
        <Trouble tone="warn" title={words.degraded} reasons={service?.degraded ?? []} />
      )}
    </div>
  );
}

interface TroubleProps {
  /** Red is for a line that cannot be inspected: who sees it every day for less does not see it when it counts. */
  readonly tone: 'bad' | 'warn';
  readonly title: string;
  readonly reasons: readonly Reason[];
}

/** In the words of the page first; the service's own, in English, beside them for whoever mends it. */
function Trouble({ tone, title, reasons }: TroubleProps) {
  const words = useWords();
  const details = reasons.map(({ detail }) => detail).join('; ');
  const parts = [...new Set(reasons.map(({ part }) => words.troubles[part] ?? part))];
  return (
    <p className={`banner ${tone} trouble`}>
      <strong>{words.trouble(title, parts)}</strong>
      <a href="#/system">{words.whatToDo}</a>
      <small title={details}>{details}</small>
    </p>
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
