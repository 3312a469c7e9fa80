/** A text from outside between others: its direction is its own. */

import { shownText } from '../../frame/shown-text.ts';

export function OutsideText({ text }: { readonly text: string }) {
  return <bdi>{shownText(text)}</bdi>;
}
