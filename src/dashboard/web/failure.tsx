/** What went wrong, said at once to whoever listens to the page. */

import { useEffect, useRef } from 'react';

/** @param props.isAnswer whether it answers what was just done here, perhaps further down on a long page: then it is brought into view */
export function Failure({ text, isAnswer = false }: { readonly text: string | null; readonly isAnswer?: boolean }) {
  const place = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (isAnswer && text !== null) place.current?.scrollIntoView({ block: 'nearest' });
  }, [isAnswer, text]);
  if (text === null) return null;
  return (
    <p ref={place} className="banner bad" role="alert">
      {text}
    </p>
  );
}
