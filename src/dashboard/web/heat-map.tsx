/** Where the model saw the defect, laid over the picture; switched on and off, remembered. */

import { useEffect, useRef, useState } from 'react';
import { ApiError, getJson, type HeatMapJson } from './api.ts';
import { changeSettings, useSettings } from './settings.ts';
import { useWords } from './words.ts';

export type HeatMapState =
  | { readonly kind: 'off' | 'making' }
  | { readonly kind: 'made'; readonly map: HeatMapJson }
  | { readonly kind: 'none'; readonly why: string };

/** The heat map of a result while the switch is on; asks for one that is not made yet. */
export function useHeatMap(resultId: string | null): HeatMapState {
  const { heatMap: isOn } = useSettings();
  return useMap(isOn ? resultId : null, true);
}

/** The heat map of a result that has one already; null: of none. */
export function useKeptHeatMap(resultId: string | null): HeatMapState {
  return useMap(resultId, false);
}

function useMap(resultId: string | null, mayMake: boolean): HeatMapState {
  const [state, setState] = useState<HeatMapState>({ kind: 'off' });
  useEffect(() => {
    if (resultId === null) {
      setState({ kind: 'off' });
      return undefined;
    }
    setState({ kind: 'making' });
    const ended = new AbortController();
    const where = `/api/v1/results/${encodeURIComponent(resultId)}/heatmap?make=${String(mayMake)}`;
    getJson<HeatMapJson>(where, ended.signal).then(
      (map) => setState({ kind: 'made', map }),
      (error: unknown) => {
        if (ended.signal.aborted) return;
        setState({ kind: 'none', why: error instanceof ApiError ? error.message : String(error) });
      },
    );
    return () => ended.abort();
  }, [mayMake, resultId]);
  return state;
}

/** The switch, and what came of it. */
export function HeatMapSwitch({ state }: { readonly state: HeatMapState }) {
  const words = useWords();
  const { heatMap: isOn } = useSettings();
  return (
    <p className="heat-switch">
      <button type="button" aria-pressed={isOn} onClick={() => changeSettings({ heatMap: !isOn })}>
        {words.heatMap}
      </button>{' '}
      <span className="quiet" role="status">
        {state.kind === 'making' && words.heatMapMaking}
        {state.kind === 'made' && words.heatMapOf[state.map.method]}
        {state.kind === 'none' && state.why}
      </span>
    </p>
  );
}

const LONGEST_EDGE = 640;

/** As large as its picture in proportion, so that the same CSS places both alike. */
export function HeatMapLayer(props: {
  readonly map: HeatMapJson;
  readonly width: number;
  readonly height: number;
  readonly style: React.CSSProperties;
}) {
  const { map, width, height, style } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = Math.min(1, LONGEST_EDGE / Math.max(width, height));
  const [columns, rows] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  useEffect(() => {
    const context = canvas.current?.getContext('2d') ?? null;
    const cells = cellsOf(map);
    if (context === null || cells === null) return;
    context.clearRect(0, 0, columns, rows);
    const { x, y, width: w, height: h } = map.area;
    context.drawImage(cells, x * columns, y * rows, w * columns, h * rows);
  }, [map, columns, rows]);
  return <canvas ref={canvas} className="heat" width={columns} height={rows} style={style} aria-hidden="true" />;
}

/** One pixel per cell: from nothing over yellow to red. */
function cellsOf({ columns, rows, values }: HeatMapJson): HTMLCanvasElement | null {
  const cells = document.createElement('canvas');
  cells.width = columns;
  cells.height = rows;
  const context = cells.getContext('2d');
  if (context === null) return null;
  const pixels = context.createImageData(columns, rows);
  for (const [i, value] of values.entries()) {
    pixels.data.set([255, Math.round(220 * (1 - value)), 0, Math.round(190 * value)], i * 4);
  }
  context.putImageData(pixels, 0, 0);
  return cells;
}
