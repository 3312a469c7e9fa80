/** In place of a page that could not be loaded or drawn, so that the head and its banners stay. */

import { Component, type ReactNode } from 'react';
import { textOf } from './api.ts';
import { useWords } from './words.ts';

interface Props {
  /** Another one is another try. */
  readonly attempt: string;
  readonly children: ReactNode;
}

interface State {
  readonly failed: { readonly error: unknown; readonly attempt: string } | null;
}

export class PageBoundary extends Component<Props, State> {
  override state: State = { failed: null };

  static getDerivedStateFromProps({ attempt }: Props, { failed }: State): State {
    return { failed: failed?.attempt === attempt ? failed : null };
  }

  override componentDidCatch(error: unknown): void {
    this.setState({ failed: { error, attempt: this.props.attempt } });
  }

  override render(): ReactNode {
    const { failed } = this.state;
    return failed === null ? this.props.children : <Failed error={failed.error} />;
  }
}

function Failed({ error }: { readonly error: unknown }) {
  const words = useWords();
  return (
    <main>
      <section className="card">
        <h1>{words.pageFailed}</h1>
        <p className="quiet">{textOf(error)}</p>
        {/* A file of the page that is not there any more belongs to a service that was upgraded meanwhile. */}
        <button type="button" className="primary" onClick={() => location.reload()}>
          {words.reload}
        </button>
      </section>
    </main>
  );
}
