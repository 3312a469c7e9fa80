/** The picture of a result; a tap enlarges it where it was touched. */

import { useEffect, useState } from 'react';
import { pictureUrl } from './api.ts';
import { HeatMapLayer, type HeatMapState } from './heat-map.tsx';
import { useWords } from './words.ts';

type Loaded = { readonly id: string; readonly url: string | null };

export function Picture(props: {
  readonly resultId: string;
  readonly isKept: boolean;
  readonly alt: string;
  readonly canZoom?: boolean;
  /** Laid over it. */
  readonly heatMap?: HeatMapState;
}) {
  const { resultId, isKept, alt, canZoom = false, heatMap } = props;
  const words = useWords();
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  /** Of the picture that is drawn, which is the one before until the next has come. */
  const [drawn, setDrawn] = useState<{ id: string; width: number; height: number } | null>(null);
  const [zoom, setZoom] = useState<string | null>(null);
  useEffect(() => {
    setZoom(null);
    if (!isKept) return undefined;
    let isWanted = true;
    const show = (url: string | null) => isWanted && setLoaded({ id: resultId, url });
    pictureUrl(resultId).then(show, () => show(null));
    return () => {
      isWanted = false;
    };
  }, [resultId, isKept]);
  if (!isKept) return <div className="picture none">{words.noPicture}</div>;
  if (loaded?.url === null) return <div className="picture none">{words.pictureMissing}</div>;
  // The picture before stays until the next one is there: no flicker at five parts a second.
  if (loaded === null) return <div className="picture" role="img" aria-label={alt} />;
  const style = zoom === null ? {} : { transform: 'scale(3)', transformOrigin: zoom };
  const isOver = heatMap?.kind === 'made' && heatMap.map.resultId === drawn?.id;
  const image = (
    <>
      <img
        src={loaded.url}
        alt={alt}
        style={style}
        onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) =>
          setDrawn({ id: loaded.id, width, height })
        }
        onError={() => setLoaded({ id: loaded.id, url: null })}
      />
      {isOver && <HeatMapLayer map={heatMap.map} width={drawn.width} height={drawn.height} style={style} />}
    </>
  );
  if (!canZoom) return <div className="picture">{image}</div>;
  return (
    <button
      type="button"
      className="picture zoom"
      title={words.tapToZoom}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const x = ((event.clientX - box.left) / box.width) * 100;
        const y = ((event.clientY - box.top) / box.height) * 100;
        // A key presses nowhere: the middle then.
        const place = event.detail === 0 ? '50% 50%' : `${x}% ${y}%`;
        setZoom(zoom === null ? place : null);
      }}
    >
      {image}
    </button>
  );
}
