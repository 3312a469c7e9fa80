/** Where the time of one frame went: waiting, decoding, the model, and everything else until it was decided. */

import type { ResultJson } from '../../frame/result-json.ts';
import { formatMs } from './gauges.tsx';
import { useWords } from './words.ts';

const KINDS = ['queue', 'decode', 'infer', 'rest'] as const;

export function StageBar({ timing }: { readonly timing: ResultJson['timing'] }) {
  const words = useWords();
  const { queueMs, decodeMs, inferMs, totalMs } = timing;
  const known = (queueMs ?? 0) + (decodeMs ?? 0) + (inferMs ?? 0);
  // Decoding and waiting may overlap in an engine that takes the next frame early: then nothing is left over.
  const whole = Math.max(totalMs, known);
  const times = { queue: queueMs, decode: decodeMs, infer: inferMs, rest: whole - known };
  return (
    <div className="stages">
      <span className="label">{words.stages}</span>
      <div className="scale" aria-hidden="true">
        {KINDS.map((kind) => (
          <span
            key={kind}
            className={kind}
            style={{ width: `${whole === 0 ? 0 : (100 * (times[kind] ?? 0)) / whole}%` }}
          />
        ))}
      </div>
      <ul>
        {KINDS.map((kind) => (
          <li key={kind}>
            <i className={kind} /> {words.stageNames[kind]} <strong>{formatMs(times[kind])}</strong>
          </li>
        ))}
        <li>
          {words.stageTotal} <strong>{formatMs(totalMs)}</strong>
        </li>
      </ul>
    </div>
  );
}
