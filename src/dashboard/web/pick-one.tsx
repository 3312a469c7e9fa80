/** A few choices side by side as large buttons, of which one at most is pressed; arrow keys move between them. */

import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import type { ReactNode } from 'react';

export function PickOne<T extends string>(props: {
  readonly legend: string;
  readonly options: readonly (readonly [value: T, text: string])[];
  /** Null: none is pressed. */
  readonly value: T | null;
  /** @param value null where the pressed one was pressed again */
  readonly onChange: (value: T | null) => void;
  readonly disabled?: boolean;
  readonly children?: ReactNode;
}) {
  const { legend, options, value, onChange, disabled = false, children } = props;
  return (
    <fieldset className="classes">
      <legend>{legend}</legend>
      <ToggleGroup
        className="choice"
        aria-label={legend}
        disabled={disabled}
        value={value === null ? [] : [value]}
        onValueChange={([picked]) => onChange(picked ?? null)}
      >
        {options.map(([name, text]) => (
          <Toggle key={name} value={name}>
            {text}
          </Toggle>
        ))}
      </ToggleGroup>
      {children}
    </fieldset>
  );
}
