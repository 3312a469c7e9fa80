/** In the head of every page: who sits here, and the way in and out. Where somebody may not act: why. */

import { useState } from 'react';
import { textOf } from './api.ts';
import { Failure } from './failure.tsx';
import { usePeopleWords } from './people-words.ts';
import { useSettings } from './settings.ts';
import { signOut, useMay, useWho } from './who.ts';

export function WhoAmI() {
  const words = usePeopleWords();
  const who = useWho();
  const { token } = useSettings();
  if (who === null) return null;
  if (who.kind === 'session' && who.role !== null) {
    return (
      <>
        <a className="me" href="#/me" title={words.me}>
          <strong>{who.name}</strong>
          <small>{words.roles[who.role]}</small>
        </a>
        <SignOut />
      </>
    );
  }
  if (token !== '') {
    return (
      <>
        <span className="me">
          <strong>{who.name}</strong>
        </span>
        <SignOut />
      </>
    );
  }
  if (who.accounts !== 'some') return null;
  return (
    <a className="button" href="#/signin">
      {words.signIn}
    </a>
  );
}

function SignOut() {
  const words = usePeopleWords();
  const [failure, setFailure] = useState<string | null>(null);
  const leave = () =>
    signOut().then(
      () => setFailure(null),
      (error: unknown) => setFailure(textOf(error)),
    );
  return (
    <>
      <button type="button" onClick={() => void leave()}>
        {words.signOut}
      </button>
      <Failure text={failure === null ? null : words.stillSignedIn(failure)} />
    </>
  );
}

/** Nothing where the one who sits here may do it. */
export function WhyNot({ right }: { readonly right: 'review' | 'tune' }) {
  const words = usePeopleWords();
  const who = useWho();
  const may = useMay(right);
  if (may || who === null) return null;
  if (who.kind !== 'anonymous') return <p className="quiet">{words.mayNot[right]}</p>;
  return (
    <p>
      <a className="button primary" href="#/signin">
        {words.needsSignIn[right]}
      </a>
    </p>
  );
}
