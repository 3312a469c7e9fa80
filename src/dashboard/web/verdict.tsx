/** A verdict in word, colour and shape: none of the three has to be seen to know it. */

import type { ReactNode } from 'react';
import type { Verdict } from '../../frame/verdict.ts';
import { useWords } from './words.ts';

const SHAPES: Readonly<Record<Verdict, ReactNode>> = {
  PASS: (
    <>
      <circle cx="16" cy="16" r="15" />
      <path className="mark" d="M8 17l6 6 11-13" />
    </>
  ),
  FAIL: (
    <>
      <path d="M10 1h12l9 9v12l-9 9H10l-9-9V10z" />
      <path className="mark" d="M10 10l12 12M22 10L10 22" />
    </>
  ),
  REVIEW: (
    <>
      <path d="M16 1l15 29H1z" />
      <path className="mark" d="M16 12v9M16 25v1" />
    </>
  ),
  UNINSPECTED: (
    <>
      <path d="M16 1l15 15-15 15L1 16z" />
      <path className="mark" d="M10 16h12" />
    </>
  ),
};

export function VerdictShape({ verdict }: { readonly verdict: Verdict }) {
  return (
    <svg className={`shape ${verdict}`} viewBox="0 0 32 32" aria-hidden="true">
      {SHAPES[verdict]}
    </svg>
  );
}

export function VerdictBadge({ verdict }: { readonly verdict: Verdict }) {
  const words = useWords();
  return (
    <span className={`badge ${verdict}`}>
      <VerdictShape verdict={verdict} />
      {words[verdict]}
    </span>
  );
}

const OF_LETTER: Readonly<Record<string, Verdict>> = { P: 'PASS', F: 'FAIL', R: 'REVIEW', U: 'UNINSPECTED' };

/** The last verdicts, oldest left; height tells them apart where colour does not. */
export function Strip({ letters }: { readonly letters: string }) {
  const words = useWords();
  const verdicts = Array.from(letters).map((letter) => OF_LETTER[letter] ?? 'UNINSPECTED');
  const notPassed = verdicts.filter((verdict) => verdict !== 'PASS').length;
  return (
    <div
      className="strip"
      role="img"
      aria-label={`${words.lastVerdicts}: ${verdicts.length - notPassed} ${words.PASS}, ${notPassed} ${words.notPassed}`}
    >
      {verdicts.map((verdict, i) => (
        <i key={i} className={verdict} />
      ))}
    </div>
  );
}
