/** Cameras with a part that nobody has acknowledged, whose tiles lie above or below what one sees: on a panel four of sixteen fit. */

import { useEffect, useState } from 'react';
import type { Verdict } from '../../frame/verdict.ts';
import { VerdictShape } from './verdict.tsx';
import { useWords } from './words.ts';

/** Named one by one; of the others their number. */
const NAMED = 4;

/**
 * @param props.cameras that have a tile, in one text
 * @param props.open verdict of the part, by camera, in the order of the tiles
 */
export function OutOfSight(props: { readonly cameras: string; readonly open: ReadonlyMap<string, Verdict> }) {
  const words = useWords();
  const hidden = useHiddenTiles(props.cameras);
  const out = [...props.open].filter(([cameraId]) => hidden.has(cameraId));
  if (out.length === 0) return null;
  return (
    <div className="out-of-sight" role="group" aria-label={words.outOfSight}>
      <span>{words.outOfSight}</span>
      {out.slice(0, NAMED).map(([cameraId, verdict]) => (
        <button key={cameraId} type="button" className={verdict} onClick={() => show(cameraId)}>
          <VerdictShape verdict={verdict} /> {cameraId}
        </button>
      ))}
      {out.length > NAMED && <span>+{out.length - NAMED}</span>}
    </div>
  );
}

function show(cameraId: string): void {
  document.querySelector(`.tile[aria-label="${CSS.escape(cameraId)}"]`)?.scrollIntoView({ block: 'center' });
}

/** Cameras whose tiles are seen by less than half. @param cameras that have one: others than before have other tiles */
function useHiddenTiles(cameras: string): ReadonlySet<string> {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const now = new Set<string>();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const cameraId = target.getAttribute('aria-label') ?? '';
          if (isIntersecting) now.delete(cameraId);
          else now.add(cameraId);
        }
        setHidden(new Set(now));
      },
      // The bar itself lies over the lowest of them.
      { threshold: 0.5, rootMargin: '0px 0px -56px 0px' },
    );
    for (const tile of document.querySelectorAll('.tile')) observer.observe(tile);
    return () => observer.disconnect();
  }, [cameras]);
  return hidden;
}
