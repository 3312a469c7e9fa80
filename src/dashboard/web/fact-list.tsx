/** Names and values; what has no value is left out. */

import { shownText } from '../../frame/shown-text.ts';

export function FactList({ facts }: { readonly facts: readonly (readonly [string, string | null])[] }) {
  return (
    <dl className="facts-list">
      {facts
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value === null ? null : shownText(value)}</dd>
          </div>
        ))}
    </dl>
  );
}
