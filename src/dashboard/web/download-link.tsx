/**
 * A file of the service as a link, which the browser writes to the disk while it comes: an export may be larger than its memory. A
 * token goes in a header, which a link cannot send; then the page fetches the file itself.
 */

import type { ReactNode } from 'react';
import { download } from './api.ts';
import { useSettings } from './settings.ts';

export function DownloadLink(props: {
  readonly where: string;
  readonly name: string;
  /** Whether the browser shows it in a tab of its own instead. */
  readonly isShown?: boolean;
  readonly onFailure?: (error: unknown) => void;
  readonly children: ReactNode;
}) {
  const { where, name, isShown = false, onFailure, children } = props;
  const { token } = useSettings();
  if (token !== '') {
    const fetchIt = () => void download(where, name).catch((error: unknown) => onFailure?.(error));
    return (
      <button type="button" onClick={fetchIt}>
        {children}
      </button>
    );
  }
  return isShown ? (
    <a className="button" href={where} target="_blank" rel="noreferrer">
      {children}
    </a>
  ) : (
    <a className="button" href={where} download={name}>
      {children}
    </a>
  );
}
