/** A page of the service as a link to a tab of its own; saved as a file where the service wants a token, which a link cannot send. */

import type { ReactNode } from 'react';
import { download } from './api.ts';
import { useSettings } from './settings.ts';

export function ReportLink(props: {
  readonly where: string;
  readonly name: string;
  readonly onFailure: (error: unknown) => void;
  readonly children: ReactNode;
}) {
  const { where, name, onFailure, children } = props;
  const { token } = useSettings();
  if (token !== '') {
    return (
      <button type="button" onClick={() => void download(where, name).catch(onFailure)}>
        {children}
      </button>
    );
  }
  return (
    <a className="button" href={where} target="_blank" rel="noreferrer">
      {children}
    </a>
  );
}
