/** What the maker of a model measured of it: from the manifest of its package. */

import { percent } from './cut-comparison.tsx';
import { FactList } from './fact-list.tsx';
import { figuresOf, type Measured } from './model-metrics.ts';
import { useWords } from './words.ts';
import { countText } from './texts.ts';

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
  const { auroc, escapeRate, falseRejectRate, isCrossValidated } = figuresOf(metrics);
  const textOf = (found: Measured | null, shown: (value: number) => string) =>
    found === null ? null : words.measured(shown(found.value), shown(found.low), shown(found.high), countText(found.n));
  const share = (value: number) => percent(value, 2);
  return (
    <>
      {description !== undefined && <p>{description}</p>}
      <FactList
        facts={[
          ['AUROC', textOf(auroc, (value) => value.toFixed(4))],
          [words.escapeRate, textOf(escapeRate, share)],
          [words.falseRejectRate, textOf(falseRejectRate, share)],
          [
            words.trainedOn,
            data === undefined || data.parts === 0 ? null : words.trainedOnParts(countText(data.parts), data.licence),
          ],
        ]}
      />
      {isCrossValidated && <small>{words.crossValidated}</small>}
    </>
  );
}
