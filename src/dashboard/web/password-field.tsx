/** A password, typed with gloves on: it can be shown while it is typed. */

import { useState } from 'react';
import { usePeopleWords } from './people-words.ts';

export function PasswordField(props: { readonly name: string; readonly label: string; readonly isNew?: boolean }) {
  const { name, label, isNew = false } = props;
  const words = usePeopleWords();
  const [isShown, setIsShown] = useState(false);
  return (
    <div className="password">
      <label>
        {label}
        <input
          name={name}
          type={isShown ? 'text' : 'password'}
          autoComplete={isNew ? 'new-password' : 'current-password'}
          autoCapitalize="none"
          spellCheck={false}
          minLength={isNew ? 10 : undefined}
          maxLength={256}
          required
        />
      </label>
      <button type="button" aria-pressed={isShown} onClick={() => setIsShown(!isShown)}>
        {words.show}
      </button>
      {isNew && <p className="quiet hint">{words.passwordHint}</p>}
    </div>
  );
}

/** What was typed into the fields of a form, by name. */
export function typedIn(form: HTMLFormElement): (name: string) => string {
  const data = new FormData(form);
  return (name) => {
    const value = data.get(name);
    return typeof value === 'string' ? value : '';
  };
}
