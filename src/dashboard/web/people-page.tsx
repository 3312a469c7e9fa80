/** Who may do what here, and who did what. For admins. */

import { useCallback, useEffect, useState } from 'react';
import { type Role, ROLES } from '../../frame/people.ts';
import { shownText } from '../../frame/shown-text.ts';
import type { AuditJson, UserJson } from '../people-routes.ts';
import { getJson, patchJson, postJson, textOf } from './api.ts';
import { Ask } from './ask.tsx';
import { Done, Failure } from './failure.tsx';
import { PasswordField } from './password-field.tsx';
import { usePeopleWords } from './people-words.ts';
import { PickOne } from './pick-one.tsx';
import { AskForm } from './sign-in.tsx';
import { changed, useMay, useWho } from './who.ts';
import { timeText } from './texts.ts';

type Change = { readonly role: Role } | { readonly isDisabled: boolean } | { readonly password: string };

/** What was asked for and waits for a second tap. */
interface Wish {
  readonly user: UserJson;
  readonly text: string;
  readonly change: Change;
}

export function PeoplePage() {
  const words = usePeopleWords();
  const isAdmin = useMay('admin');
  const accounts = useWho()?.accounts;
  if (accounts === 'none') {
    return (
      <main className="people">
        <section className="card">
          <h1>{words.people}</h1>
          <NoAccounts />
        </section>
      </main>
    );
  }
  if (!isAdmin) {
    return (
      <main className="people">
        <p className="card">{words.adminsOnly}</p>
      </main>
    );
  }
  return <Accounts />;
}

/** What a station without accounts says of itself. */
export function NoAccounts() {
  const words = usePeopleWords();
  return (
    <>
      <p>{words.open}</p>
      <p>
        <a className="button primary" href="#/setup">
          {words.setUpLink}
        </a>
      </p>
    </>
  );
}

/** Below a long list nobody sees it come. */
const comeUp = (section: HTMLElement | null) => {
  section?.scrollIntoView({ block: 'nearest' });
  section?.querySelector('input')?.focus();
};

function Accounts() {
  const words = usePeopleWords();
  const [users, setUsers] = useState<readonly UserJson[]>([]);
  const [wish, setWish] = useState<Wish | null>(null);
  const [resetting, setResetting] = useState<UserJson | null>(null);
  const [said, setSaid] = useState<{ readonly isBad: boolean; readonly text: string } | null>(null);
  const [acts, setActs] = useState(0);
  const fail = useCallback((error: unknown) => setSaid({ isBad: true, text: textOf(error) }), []);
  const load = useCallback(async () => {
    setUsers((await getJson<{ users: UserJson[] }>('/api/v1/users')).users);
    setActs((before) => before + 1);
  }, []);
  useEffect(() => {
    load().catch(fail);
  }, [load, fail]);

  const change = async (user: UserJson, asked: Change) => {
    await patchJson(`/api/v1/users/${user.id}`, asked);
    setSaid(null);
    await load();
  };
  const grant = ({ user, change: asked }: Wish) => {
    setWish(null);
    setSaid(null);
    change(user, asked).catch(fail);
  };
  return (
    <main className="people">
      <h1 className="hidden">{words.people}</h1>
      <Failure text={said?.isBad === true ? said.text : null} isAnswer />
      <Done text={said?.isBad === false ? said.text : null} />
      {wish !== null && (
        <Ask text={wish.text} yes={words.yes} no={words.no} onYes={() => grant(wish)} onNo={() => setWish(null)} />
      )}
      <section className="card wide">
        <h2>{words.people}</h2>
        <ul className="users">
          {users.map((user) => (
            <User
              key={user.id}
              user={user}
              onWish={(text, asked) => setWish({ user, text, change: asked })}
              onReset={() => setResetting(user)}
            />
          ))}
        </ul>
      </section>
      {resetting !== null && (
        <section key={resetting.id} ref={comeUp} className="card" aria-label={words.askPassword(resetting.name)}>
          <h2>{words.askPassword(resetting.name)}</h2>
          <AskForm
            button={words.save}
            wrong={words.adminsOnly}
            send={async (typed) => {
              await change(resetting, { password: typed('password') });
              setResetting(null);
            }}
          >
            <PasswordField name="password" label={words.next} isNew />
          </AskForm>
          <button type="button" onClick={() => setResetting(null)}>
            {words.no}
          </button>
        </section>
      )}
      <AddSomebody
        onAdded={(name) => {
          setSaid({ isBad: false, text: words.added(name) });
          load().catch(fail);
        }}
      />
      <AuditLog acts={acts} onFailure={fail} />
    </main>
  );
}

function User(props: {
  readonly user: UserJson;
  readonly onWish: (text: string, change: Change) => void;
  readonly onReset: () => void;
}) {
  const { user, onWish, onReset } = props;
  const words = usePeopleWords();
  const { name, role, isDisabled } = user;
  return (
    <li aria-label={name} className={isDisabled ? 'off' : undefined}>
      <span className="who">
        <strong>{name}</strong>
        <small>
          {isDisabled ? words.disabled : words.may[role]} · {words.changedBy(timeText(user.changedAt), user.changedBy)}
        </small>
      </span>
      <select
        aria-label={`${words.role}: ${name}`}
        value={role}
        onChange={(event) => {
          const asked = event.target.value as Role;
          onWish(words.askRole(name, words.roles[asked]), { role: asked });
        }}
      >
        {ROLES.map((one) => (
          <option key={one} value={one}>
            {words.roles[one]}
          </option>
        ))}
      </select>
      <button type="button" onClick={onReset}>
        {words.newPassword}
      </button>
      <button
        type="button"
        onClick={() =>
          onWish(isDisabled ? `${words.enable}: ${name}?` : words.askDisable(name), { isDisabled: !isDisabled })
        }
      >
        {isDisabled ? words.enable : words.disable}
      </button>
    </li>
  );
}

function AddSomebody({ onAdded }: { readonly onAdded: (name: string) => void }) {
  const words = usePeopleWords();
  const [role, setRole] = useState<Role>('operator');
  return (
    <section className="card">
      <h2>{words.add}</h2>
      <AskForm
        button={words.add}
        wrong={words.adminsOnly}
        send={async (typed) => {
          await postJson('/api/v1/users', { name: typed('name'), role, password: typed('password') });
          onAdded(typed('name'));
          setRole('operator');
        }}
      >
        <label>
          {words.name}
          <input name="name" autoComplete="off" spellCheck={false} maxLength={64} required />
        </label>
        <PickOne
          legend={words.role}
          options={ROLES.map((one) => [one, words.roles[one]] as const)}
          value={role}
          onChange={(one) => one !== null && setRole(one)}
        >
          <p className="quiet">{words.may[role]}</p>
        </PickOne>
        <PasswordField name="password" label={words.password} isNew />
      </AskForm>
    </section>
  );
}

/** @param acts changes when the admin did something that has a line of its own */
function AuditLog({ acts, onFailure }: { readonly acts: number; readonly onFailure: (error: unknown) => void }) {
  const words = usePeopleWords();
  const [entries, setEntries] = useState<readonly AuditJson[]>([]);
  const [next, setNext] = useState<number | null>(null);
  const load = useCallback(async (before: number | null) => {
    const cursor = before === null ? '' : `&before=${before}`;
    const page = await getJson<{ entries: AuditJson[]; next: number | null }>(`/api/v1/audit?limit=50${cursor}`);
    // Whoever taps twice gets the page twice.
    setEntries((old) =>
      before === null ? page.entries : [...old.filter(({ seq }) => seq >= before), ...page.entries],
    );
    setNext(page.next);
  }, []);
  useEffect(() => {
    load(null).catch(onFailure);
  }, [acts, load, onFailure]);
  return (
    <section className="card audit" aria-label={words.audit}>
      <h2>{words.audit}</h2>
      <p className="quiet">{words.auditText}</p>
      <ul className="events">
        {entries.map((entry) => (
          <li key={entry.seq} className={entry.outcome === 'done' ? 'note' : 'error'}>
            <time dateTime={entry.at}>{timeText(entry.at)}</time>
            <strong>
              {actorText(words, entry)}: {words.acts[entry.act] ?? entry.act.replaceAll('_', ' ')}
              {entry.outcome === 'done' ? '' : ` – ${words.outcomes[entry.outcome]}`}
            </strong>
            <span>{shownText([entry.about, entry.detail, entry.from].filter(Boolean).join(' · '))}</span>
          </li>
        ))}
      </ul>
      {next !== null && (
        <button type="button" onClick={() => void load(next).catch(onFailure)}>
          {words.more}
        </button>
      )}
    </section>
  );
}

function actorText(words: ReturnType<typeof usePeopleWords>, { actorKind, actor }: AuditJson): string {
  if (actorKind !== 'anonymous') return shownText(actor);
  return actor === 'anyone' ? words.anyone : words.unchecked(shownText(actor));
}

/** One's own password. */
export function MyPage() {
  const words = usePeopleWords();
  const [isSaved, setIsSaved] = useState(false);
  return (
    <main className="signin">
      <section className="card">
        <h1>{words.me}</h1>
        {isSaved && (
          <p className="good" role="alert">
            {words.saved}
          </p>
        )}
        <AskForm
          button={words.save}
          wrong={words.wrong}
          send={async (typed) => {
            await postJson('/api/v1/session/password', { current: typed('current'), next: typed('next') });
            await changed();
            setIsSaved(true);
          }}
        >
          <PasswordField name="current" label={words.current} />
          <PasswordField name="next" label={words.next} isNew />
        </AskForm>
      </section>
    </main>
  );
}
