/** Signing in, and the very first time: making the account that lets others in. */

import { type FormEvent, type ReactNode, useState } from 'react';
import { goBack } from './address.ts';
import { ApiError, textOf } from './api.ts';
import { Failure } from './failure.tsx';
import { PasswordField, typedIn } from './password-field.tsx';
import { usePeopleWords } from './people-words.ts';
import { changeSettings, useSettings } from './settings.ts';
import { changed, setUp, signIn, useLapsed, useMay } from './who.ts';
import { useWords } from './words.ts';

export function SignIn() {
  const words = usePeopleWords();
  const maySee = useMay('read');
  const lapsed = useLapsed();
  return (
    <Screen title={words.signedOut}>
      {lapsed !== null && <p role="status">{words.lapsed(lapsed)}</p>}
      <AskForm
        button={words.signIn}
        wrong={words.wrong}
        send={async (typed) => {
          await signIn(typed('name'), typed('password'));
          leave();
        }}
      >
        <NameField />
        <PasswordField name="password" label={words.password} />
      </AskForm>
      {maySee && <a href="#/line">{words.goOn}</a>}
      <TokenForm />
    </Screen>
  );
}

export function SetUp() {
  const words = usePeopleWords();
  return (
    <Screen title={words.setUpTitle}>
      <p>{words.setUpText}</p>
      <AskForm
        button={words.setUp}
        wrong={words.wrongCode}
        send={async (typed) => {
          await setUp(typed('code'), typed('name'), typed('password'));
          location.hash = '#/people';
        }}
      >
        <label>
          {words.code}
          <input
            name="code"
            className="code"
            autoComplete="one-time-code"
            autoCapitalize="characters"
            spellCheck={false}
            placeholder="XXXX-XXXX-XXXX-XXXX"
            maxLength={64}
            required
          />
        </label>
        <NameField />
        <PasswordField name="password" label={words.password} isNew />
      </AskForm>
      <TokenForm />
    </Screen>
  );
}

/** Back to what one was at. */
function leave(): void {
  if (location.hash === '#/signin' || location.hash === '#/setup') goBack('line');
}

function Screen({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <main className="signin">
      <section className="card">
        <h1>{title}</h1>
        {children}
      </section>
    </main>
  );
}

function NameField() {
  const words = usePeopleWords();
  return (
    <label>
      {words.name}
      <input name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} maxLength={64} required />
    </label>
  );
}

/** A form that says why it was refused, and while it waits. */
export function AskForm(props: {
  readonly button: string;
  readonly wrong: string;
  readonly send: (typed: (name: string) => string) => Promise<void>;
  readonly children: ReactNode;
}) {
  const people = usePeopleWords();
  const words = useWords();
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setIsBusy(true);
    setFailure(null);
    try {
      await props.send(typedIn(form));
      form.reset();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) setFailure(props.wrong);
      else if (error instanceof ApiError && error.status === 429) setFailure(people.wait(error.retryAfterS ?? 1));
      else setFailure(textOf(error));
    } finally {
      setIsBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      {props.children}
      <Failure text={failure} />
      <button type="submit" className="primary big" disabled={isBusy}>
        {isBusy ? words.working : props.button}
      </button>
    </form>
  );
}

/** For displays without a person before them. */
function TokenForm() {
  const words = usePeopleWords();
  const { token } = useSettings();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    changeSettings({ token: typedIn(event.currentTarget)('token').trim() });
    leave();
    void changed();
  };
  return (
    <details open={token !== ''}>
      <summary>{words.withToken}</summary>
      <form onSubmit={submit}>
        {token !== '' && <p role="alert">{words.tokenRefused}</p>}
        <label>
          {words.token}
          <input name="token" type="password" autoComplete="off" required />
        </label>
        <button type="submit">{words.withToken}</button>
      </form>
    </details>
  );
}
