/** One question before something that changes the line: a second tap, and a way back. Nothing else can be touched meanwhile. */

import { AlertDialog } from '@base-ui/react/alert-dialog';

export function Ask(props: {
  readonly text: string;
  /** What changed since it was asked. */
  readonly meanwhile?: string | null;
  readonly yes: string;
  readonly no: string;
  readonly onYes: () => void;
  readonly onNo: () => void;
}) {
  const { text, meanwhile = null, yes, no, onYes, onNo } = props;
  return (
    <AlertDialog.Root open onOpenChange={(isOpen) => !isOpen && onNo()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="ask card">
          <AlertDialog.Title>{text}</AlertDialog.Title>
          {meanwhile !== null && (
            <p className="banner warn" role="status">
              {meanwhile}
            </p>
          )}
          {/* First, so that Enter alone changes nothing. */}
          <AlertDialog.Close className="big">{no}</AlertDialog.Close>
          <button type="button" className="primary big" onClick={onYes}>
            {yes}
          </button>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
