/** What the maker of a model measured of it: from the manifest of its package. */

import { percent } from './cut-comparison.tsx';
import { FactList } from './fact-list.tsx';
import { useWords } from './words.ts';
import { countText } from './texts.ts';

interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

interface Manifest {
  readonly description?: string;
  readonly training_data?: { readonly parts: number; readonly licence: string };
  readonly metrics?: Readonly<Record<string, Measured>>;
}

/** @param props.manifest null until it is there */
export function ModelFigures({ manifest }: { readonly manifest: unknown }) {
  const words = useWords();
  if (manifest === null) return null;
  const { description, training_data: data, metrics = {} } = manifest as Manifest;
  const shareOf = (name: string) => {
    const found = metrics[name];
    if (found === undefined) return null;
    const { value, low, high, n } = found;
    return words.measured(percent(value, 2), percent(low, 2), percent(high, 2), countText(n));
  };
  const auroc = metrics['auroc'];
  return (
    <>
      {description !== undefined && <p>{description}</p>}
      <FactList
        facts={[
          [
            'AUROC',
            auroc === undefined
              ? null
              : words.measured(auroc.value.toFixed(4), auroc.low.toFixed(4), auroc.high.toFixed(4), countText(auroc.n)),
          ],
          [words.escapeRate, shareOf('escape_rate')],
          [words.falseRejectRate, shareOf('false_reject_rate')],
          [
            words.trainedOn,
            data === undefined || data.parts === 0 ? null : words.trainedOnParts(countText(data.parts), data.licence),
          ],
        ]}
      />
    </>
  );
}
