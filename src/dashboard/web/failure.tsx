/** What went wrong or was done, said at once to whoever listens to the page. */

import { useEffect, useRef } from 'react';

interface Said {
  readonly text: string | null;
}

/** @param props.isAnswer whether it answers what was just done here, perhaps further down on a long page: then it is brought into view */
export function Failure({ text, isAnswer = false }: Said & { readonly isAnswer?: boolean }) {
  return <Banner text={text} isAnswer={isAnswer} tone="banner bad" />;
}

/** That it was done: an answer. */
export function Done({ text }: Said) {
  return <Banner text={text} isAnswer tone="banner" />;
}

function Banner({ text, isAnswer, tone }: Said & { readonly isAnswer: boolean; readonly tone: string }) {
  const place = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (isAnswer && text !== null) place.current?.scrollIntoView({ block: 'nearest' });
  }, [isAnswer, text]);
  if (text === null) return null;
  return (
    <p ref={place} className={tone} role="alert">
      {text}
    </p>
  );
}
