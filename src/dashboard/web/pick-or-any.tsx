/** One of the names that there are, or any of them. */

export function PickOrAny(props: {
  readonly label: string;
  readonly any: string;
  readonly options: readonly string[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const { value, options } = props;
  // From a bookmark it may be one that had no part in this time.
  const all = value === '' || options.includes(value) ? options : [value, ...options];
  return (
    <label>
      {props.label}
      <select value={value} onChange={(event) => props.onChange(event.target.value)}>
        <option value="">{props.any}</option>
        {all.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    </label>
  );
}
