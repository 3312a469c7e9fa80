/** One question before something that changes the line: a second tap, and a way back. */

export function Ask(props: {
  readonly text: string;
  readonly yes: string;
  readonly no: string;
  readonly onYes: () => void;
  readonly onNo: () => void;
}) {
  const { text, yes, no, onYes, onNo } = props;
  return (
    <div className="banner ask" role="alertdialog" aria-label={text}>
      <strong>{text}</strong>
      <button type="button" className="primary" onClick={onYes}>
        {yes}
      </button>
      <button type="button" onClick={onNo}>
        {no}
      </button>
    </div>
  );
}
